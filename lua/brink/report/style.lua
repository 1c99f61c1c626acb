--- The look of every page brink writes. SPDX-License-Identifier: MIT
return [[
:root { color-scheme: light dark; --paper:#fbfaf7; --card:#fff; --ink:#1d2329; --soft:#5c6670; --line:#dfdcd4; --accent:#1f6feb;
  --safe:#2f9e6e; --doubt:#e2a72e; --broken:#cf4a3c; --band:#1f6feb2e; }
@media screen and (prefers-color-scheme: dark) { :root { --paper:#14181c; --card:#1b2127; --ink:#e7eaed; --soft:#98a3ad; --line:#303840; --accent:#6ea8fe;
  --safe:#46b785; --doubt:#e8b84e; --broken:#e36b5d; --band:#6ea8fe33; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink); font:15px/1.55 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif; }
main, header, footer { max-width:1120px; margin:0 auto; padding:0 24px; }
header { padding-top:36px; }
h1 { font-size:30px; line-height:1.2; margin:0 0 6px; letter-spacing:-.01em; }
h2 { font-size:20px; margin:40px 0 12px; }
h3 { font-size:18px; margin:0; }
p { margin:6px 0; max-width:90ch; }
:focus-visible { outline:2px solid var(--accent); outline-offset:2px; }
a { color:var(--accent); text-decoration:none; } a:hover { text-decoration:underline; }
.soft { color:var(--soft); } .small { font-size:13px; } .num { font-variant-numeric:tabular-nums; }
.warning { border-left:4px solid var(--doubt); padding:4px 0 4px 12px; margin:14px 0 0; }
.facts { display:flex; flex-wrap:wrap; gap:12px; margin:22px 0 0; padding:0; list-style:none; }
.facts li { background:var(--card); border:1px solid var(--line); border-radius:10px; padding:10px 16px; min-width:130px; }
.facts b { display:block; font-size:22px; overflow-wrap:anywhere; font-variant-numeric:tabular-nums; }
table { border-collapse:collapse; width:100%; background:var(--card); border:1px solid var(--line); border-radius:10px; overflow:hidden; }
th, td { text-align:left; padding:7px 12px; border-top:1px solid var(--line); vertical-align:middle; }
thead th { border-top:0; font-size:13px; color:var(--soft); font-weight:600; }
td.num, th.num { text-align:right; white-space:nowrap; } td.wide { width:42%; min-width:88px; }
.ci { color:var(--soft); font-size:12px; margin-left:6px; }
.scroll { overflow-x:auto; }
.range { display:block; width:100%; height:14px; border-radius:7px; overflow:hidden; print-color-adjust:exact; -webkit-print-color-adjust:exact; }
.safe { fill:var(--safe); } .doubt { fill:var(--doubt); } .broken { fill:var(--broken); } .sure { fill:var(--ink); opacity:.6; }
.key { display:inline-block; width:11px; height:11px; border-radius:3px; margin:0 5px 0 14px; vertical-align:-1px; }
.key.safe { background:var(--safe); margin-left:0; } .key.doubt { background:var(--doubt); } .key.broken { background:var(--broken); }
article { background:var(--card); border:1px solid var(--line); border-radius:14px; padding:20px 22px; margin:18px 0; }
article:target { border-color:var(--accent); }
article > .head { display:flex; flex-wrap:wrap; align-items:baseline; gap:6px 14px; }
.head .up { margin-left:auto; font-size:13px; }
.tag { font-size:12px; color:var(--soft); border:1px solid var(--line); border-radius:20px; padding:1px 9px; }
.verdict { margin:8px 0 14px; }
.pair { display:grid; grid-template-columns:minmax(0,2.4fr) minmax(0,1fr) minmax(0,1fr); gap:18px; align-items:start; }
@media (max-width:860px) { .pair { grid-template-columns:minmax(0,1fr) minmax(0,1fr); } .pair > :first-child { grid-column:1/-1; } }
figure { margin:0; } figure img { display:block; width:100%; height:auto; max-height:300px; object-fit:contain; border-radius:8px; background:var(--line); }
.shot { position:relative; } .over { position:absolute; inset:0; width:100%; height:100%; fill:none; stroke-width:2; vector-effect:non-scaling-stroke; }
.over * { vector-effect:non-scaling-stroke; } .over .truth { stroke:#35e08a; } .over .guess { stroke:#ff9f1c; stroke-dasharray:6 4; }
.over .truth circle { fill:#35e08a; stroke:none; } .over .guess circle { fill:#ff9f1c; stroke:none; }
figcaption { font-size:13px; color:var(--soft); margin-top:6px; overflow-wrap:anywhere; }
figure.good img { outline:3px solid var(--safe); outline-offset:-3px; } figure.bad img { outline:3px solid var(--broken); outline-offset:-3px; }
.strip { display:flex; gap:6px; margin-top:16px; overflow-x:auto; padding-bottom:4px; }
.strip figure { flex:1 0 92px; max-width:132px; } .strip img { border-radius:5px; max-height:132px; }
.strip figcaption { font-size:11.5px; text-align:center; margin-top:3px; }
.strip img { border-bottom:4px solid transparent; background:none; } .strip .ok img { border-bottom:4px solid var(--safe); } .strip .ko img { border-bottom:4px solid var(--broken); }
.curve { width:100%; height:auto; }
.curve .grid { stroke:var(--line); stroke-width:1; } .curve .axis { stroke:var(--soft); stroke-width:1; }
.curve .threshold { stroke:var(--soft); stroke-width:1; stroke-dasharray:2 4; }
.curve .band { fill:var(--band); } .curve .line { fill:none; stroke:var(--accent); stroke-width:2.2; stroke-linejoin:round; stroke-linecap:round; }
.curve .few { stroke-width:1.4; opacity:.6; }
.curve .dot { fill:var(--accent); } .curve .dot.few { fill:var(--soft); }
.curve .onset { stroke:var(--doubt); stroke-width:2; } .curve .break { stroke:var(--broken); stroke-width:2; }
.curve .onset-band { fill:var(--doubt); opacity:.13; } .curve .break-band { fill:var(--broken); opacity:.13; }
.curve .island { fill:var(--safe); opacity:.7; }
.curve text { font:12px system-ui,"DejaVu Sans",sans-serif; fill:var(--soft); } .curve .end { text-anchor:end; } .curve .mid { text-anchor:middle; }
.curve .unit { font-size:11px; } .curve .mark { font-weight:600; paint-order:stroke; stroke:var(--card); stroke-width:3px; stroke-linejoin:round; } .curve .onset-text { fill:var(--doubt); } .curve .break-text { fill:var(--broken); }
.curve .first-line { stroke:var(--soft); } .curve .second-line { stroke:var(--accent); } .curve path.break { fill:none; stroke-width:1.5; stroke-dasharray:6 3; }
.curve .first-band { fill:var(--soft); opacity:.14; } .curve .second-band { fill:var(--band); } .curve .first-dot { fill:var(--soft); } .curve .second-dot { fill:var(--accent); }
.curve .first-text { fill:var(--soft); } .curve .second-text { fill:var(--accent); } .curve .crossover { stroke:var(--doubt); stroke-width:1.5; stroke-dasharray:1 4; fill:none; }
.pairs { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr)); gap:18px; align-items:start; } .pairs article { margin:0; min-width:0; } .key.first { background:var(--soft); margin-left:0; } .key.second { background:var(--accent); } .gain { color:var(--safe); } .loss { color:var(--broken); }
details { margin:10px 0; } summary { cursor:pointer; color:var(--accent); }
code { font:13px ui-monospace,"DejaVu Sans Mono",monospace; overflow-wrap:anywhere; }
footer { padding:36px 24px 60px; color:var(--soft); font-size:13px; }
@media (max-width:600px) { main, header, footer { padding-left:14px; padding-right:14px; } article { padding:16px 14px; } .ci { display:none; } .curve { overflow:visible; } .curve text { font-size:15px; } .curve .unit { font-size:14px; }
  table { font-size:13px; } th, td { padding:7px 6px; } thead th { font-size:12px; } td.wide { min-width:60px; }
  .facts { gap:8px; } .facts li { flex:1 1 40%; min-width:0; } }
@media print { @page { margin:12mm; } :root { --paper:#fff; } main, header, footer { max-width:none; padding-left:0; padding-right:0; }
  article, tr, figure { break-inside:avoid; } h2 { break-after:avoid; } .up { display:none; } .strip { overflow:hidden; }
  .pair { grid-template-columns:minmax(0,2.2fr) minmax(0,1fr) minmax(0,1fr); } .pair > :first-child { grid-column:auto; } .strip figure { flex:1 1 0; min-width:0; } }
]]
