# What `cmake --install` copies: the tools, the Python package that loads
# compiled libraries, and a CMake package with the function gate_add_library.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(GATE_INSTALL_PYTHON_DIR "${CMAKE_INSTALL_DATADIR}/gate/python"
    CACHE STRING "Where the Python package goes, relative to the prefix")
# find_package looks here under every prefix, whatever the machine calls lib.
set(GATE_INSTALL_CMAKE_DIR lib/cmake/Gate)

# The tools need libMLIR and libLLVM of the system: keep where they were found.
set(GATE_TOOLS gatec gate-lsp-server gate-opt gate-reduce)
set_target_properties(${GATE_TOOLS} GatePlugin PROPERTIES
                      INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS ${GATE_TOOLS} EXPORT GateTools
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# For `mlir-opt --load-dialect-plugin`.
install(TARGETS GatePlugin
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/gate)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/gate
        DESTINATION ${GATE_INSTALL_PYTHON_DIR}
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed"
        PATTERN "__pycache__" EXCLUDE)

install(EXPORT GateTools NAMESPACE Gate:: DESTINATION ${GATE_INSTALL_CMAKE_DIR})
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/GateConfig.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/GateConfig.cmake
  INSTALL_DESTINATION ${GATE_INSTALL_CMAKE_DIR}
  PATH_VARS GATE_INSTALL_PYTHON_DIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before version 1 a change of the minor number may break programs.
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/cmake/GateConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/GateConfig.cmake
  ${PROJECT_BINARY_DIR}/cmake/GateConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/GateAddLibrary.cmake
  DESTINATION ${GATE_INSTALL_CMAKE_DIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# `cpack` makes a Debian package of the same files; what the tools are linked
# with becomes its dependencies.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gate-compiler)
set(CPACK_PACKAGE_CONTACT "The Gate authors <gate@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
    "Compiler for gated neural architectures: programs to shared libraries")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# In the order of a linker's search: dpkg-shlibdeps knows the system's.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LLVM_LIBRARY_DIR})
include(CPack)
