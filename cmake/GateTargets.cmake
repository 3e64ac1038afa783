# Functions that hide how Gate's libraries and tools link against MLIR.

# gate_add_library(Name sources... [DEPENDS targets...] [LINK targets...])
# One of our libraries. In development everything links the shared libMLIR and
# libLLVM; archives of MLIR must not be mixed in (two copies of its globals).
function(gate_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  target_link_libraries(${name} PUBLIC GateHeaders ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  # Headers decide compile time; gcc's precompiled headers cost more than they save.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND TARGET GatePrecompiled AND NOT name STREQUAL "GatePrecompiled")
    target_precompile_headers(${name} REUSE_FROM GatePrecompiled)
  endif()
endfunction()

# gate_add_tool(name sources... [LINK targets...])
function(gate_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${LLVM_RUNTIME_OUTPUT_INTDIR})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()
