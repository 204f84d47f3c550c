// Makes the page live. Handlers listen on the document, since a refresh may replace what they serve.

import { settleCharts, watchCharts } from "./charts.js";
import { refresh, startLive } from "./live.js";
import { watchLinks } from "./links.js";
import { watchTokens } from "./tokens.js";
import { settleTraffic, watchTraffic } from "./traffic.js";
import { settleTry, watchTry } from "./try.js";

watchTokens(refresh);
watchTraffic(refresh);
watchTry();
watchCharts();
watchLinks(refresh);
settleTraffic();
startLive(() => {
  settleTraffic();
  settleTry();
  settleCharts();
});
