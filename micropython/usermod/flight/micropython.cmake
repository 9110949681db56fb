# The same for ports that are built with CMake: -DUSER_C_MODULES=.../micropython/usermod/flight/micropython.cmake
if(NOT DEFINED FLIGHT_C)
    set(FLIGHT_C ${CMAKE_CURRENT_LIST_DIR}/../../../build/amalgamation)
endif()

add_library(usermod_flight INTERFACE)
foreach(source module client settings figures channel events bodies core port)
    target_sources(usermod_flight INTERFACE ${CMAKE_CURRENT_LIST_DIR}/${source}.c)
endforeach()
target_include_directories(usermod_flight INTERFACE ${CMAKE_CURRENT_LIST_DIR} ${FLIGHT_C})
target_link_libraries(usermod INTERFACE usermod_flight)
