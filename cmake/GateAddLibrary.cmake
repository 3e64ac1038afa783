# The function that projects which use Gate call. Installed, and read by
# find_package(Gate); Gate's own build has another function of this name.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# gate_add_library(<target> <program.mlir>
#                  [PREFIX <prefix>] [TARGET_CPU <cpu>] [EMBED <weights>]
#                  [OPTIONS <flag>...])
#
# Compiles a program with gatec when the project is built, and makes <target> a
# shared library to link C and C++ targets against; the header comes with it.
#
# PREFIX      starts every exported name and names the files, lib<prefix>.so and
#             <prefix>.h; by default the target's name.
# TARGET_CPU  what follows `gatec compile --target=cpu:`, for example x86-64-v3;
#             by default the machine that builds.
# EMBED       a safetensors file whose parameters become part of the library.
# OPTIONS     further flags of `gatec compile`.
function(gate_add_library target program)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "PREFIX;TARGET_CPU;EMBED" "OPTIONS")
  if(ARG_UNPARSED_ARGUMENTS OR ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR
      "gate_add_library(${target}): what does this mean or lack: "
      "${ARG_UNPARSED_ARGUMENTS} ${ARG_KEYWORDS_MISSING_VALUES}")
  endif()
  if(NOT ARG_PREFIX)
    string(MAKE_C_IDENTIFIER "${target}" ARG_PREFIX)
  endif()
  get_filename_component(program "${program}" ABSOLUTE)

  # A folder of its own: nothing else is found through the include directory.
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/gate/${target}")
  set(library "${folder}/lib${ARG_PREFIX}.so")
  set(header "${folder}/${ARG_PREFIX}.h")
  set(inputs "${program}")
  set(flags "--prefix=${ARG_PREFIX}")
  if(ARG_TARGET_CPU)
    list(APPEND flags "--target=cpu:${ARG_TARGET_CPU}")
  endif()
  if(ARG_EMBED)
    get_filename_component(embed "${ARG_EMBED}" ABSOLUTE)
    list(APPEND flags "--embed=${embed}")
    list(APPEND inputs "${embed}")
  endif()

  add_custom_command(
    OUTPUT "${library}" "${header}"
    COMMAND Gate::gatec compile "${program}" -o "${library}" ${flags} ${ARG_OPTIONS}
    DEPENDS ${inputs} Gate::gatec
    COMMENT "Compiling ${ARG_PREFIX} with gatec"
    VERBATIM)
  add_custom_target(${target}-compile DEPENDS "${library}" "${header}")

  # CMake wants the include directory of an imported target to exist.
  file(MAKE_DIRECTORY "${folder}")
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${library}"
    IMPORTED_SONAME "lib${ARG_PREFIX}.so"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  add_dependencies(${target} ${target}-compile)
endfunction()
