// The sources of the report's page, which CMake embeds from this folder, and the chart library. Internal to html_report.
#pragma once

namespace search::html {

const char* page_markup();    ///< page.html, with {{policy}}, {{style}}, {{data}} and {{script}} in this order
const char* page_style();     ///< style.css
const char* page_script();    ///< the .js files, one after another
const char* chart_library();  ///< d3

}  // namespace search::html
