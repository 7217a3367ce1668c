# The pages: modules by themselves (tests/web), and all of it in a browser. Chromium keeps a core busy, and speech that
# is recognised has to keep up with the clock.
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/web/test_*.mjs)
if(scripts)
    add_test(NAME web/modules COMMAND browser/run.sh ${scripts} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(web/modules PROPERTIES LABELS web TIMEOUT 60 PROCESSORS 2 SKIP_RETURN_CODE 77
        ENVIRONMENT SOTTO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endif()
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/browser/*.test.mjs)
foreach(source ${scripts})
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME browser/${name} COMMAND browser/run.sh ${source} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(browser/${name} PROPERTIES LABELS browser TIMEOUT 180 PROCESSORS ${slots_core} COST 90
        SKIP_RETURN_CODE 77 ENVIRONMENT SOTTO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/browser/soak_*.mjs)
foreach(source ${scripts})
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME browser/${name} COMMAND browser/run.sh ${source} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set_tests_properties(browser/${name} PROPERTIES LABELS soak TIMEOUT 1800 PROCESSORS ${slots_core}
        SKIP_RETURN_CODE 77 ENVIRONMENT SOTTO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
