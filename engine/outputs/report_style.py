"""The look of a report: light and dark, on a phone and on paper. The page carries it, and its hash in the policy."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1d1c1a;--soft:#5f5c55;--rule:#dedad1;--accent:#1f5fbf;
--second:#a3521a;--dot:#1f5fbf;--bar:#7aa5dd;--warm:#a3521a;--focus:#1f5fbf}
@media (prefers-color-scheme:dark){:root{--paper:#17181a;--card:#202225;--ink:#ecebe7;--soft:#a9a79f;--rule:#3a3c40;
--accent:#7db2ff;--second:#f0a368;--dot:#7db2ff;--bar:#3f6ba8;--warm:#f0a368;--focus:#7db2ff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.55;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif}
main,header,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.25rem}
h1{font-size:1.75rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0 0 .75rem}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0;max-width:46rem}
.under,.soft,figcaption,footer{color:var(--soft)}
nav{margin:1rem 0 0}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
section{margin:2rem 0;padding-top:1.5rem;border-top:1px solid var(--rule)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:.75rem;
margin:1rem 0;padding:0}
.cards div{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.75rem 1rem}
.cards dt{color:var(--soft);font-size:.875rem}
.cards dd{margin:0;font-size:1.75rem;line-height:1.3;font-variant-numeric:tabular-nums}
.cards dd small{display:block;font-size:.8125rem;color:var(--soft)}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.25rem;margin:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
.wide+.soft{font-size:.875rem;max-width:none}
th,td{padding:.4rem .6rem;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap;vertical-align:top}
th:first-child{text-align:left;white-space:normal;min-width:9rem;font-weight:500}
thead th{color:var(--soft);font-weight:500}
td small{display:block;color:var(--soft);font-size:.75rem}
.baseline td,.baseline th,.leaked td,.leaked th{color:var(--soft);font-style:italic}
.main th,.main td{font-weight:700}
.main td small{font-weight:400}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1rem}
figure{margin:0}
.chart{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.75rem}
svg{display:block;width:100%;height:auto;font-family:inherit}
svg text{font-size:13px;fill:var(--soft)}
svg .axis-name{fill:var(--ink)}
.grid{stroke:var(--rule);stroke-width:1;fill:none}
.axis{stroke:var(--soft);stroke-width:1;fill:none}
.line{fill:none;stroke-width:2.25;stroke-linejoin:round}
.line.train{stroke:var(--second);stroke-dasharray:6 4}
.line.validation{stroke:var(--accent)}
.line.trend{stroke:var(--warm);stroke-width:2.5}
.guide{stroke:var(--soft);stroke-width:1.25;stroke-dasharray:2 4;fill:none}
.alone.train{fill:var(--second)}
.alone.validation,.alone.trend{fill:var(--accent)}
.dot{fill:var(--dot);fill-opacity:.5}
.bar{fill:var(--bar)}
figcaption{font-size:.875rem;overflow-wrap:anywhere}
.key{display:flex;flex-wrap:wrap;gap:.125rem 1.25rem;list-style:none;margin:.25rem 0 0;padding:0}
.key li::before{content:"";display:inline-block;width:1.75rem;margin-right:.5rem;vertical-align:.25em;
border-top:2.5px solid var(--accent)}
.key .train::before{border-top:2.5px dashed var(--second)}
.key .trend::before{border-top-color:var(--warm)}
.key .guide::before{border-top:2px dotted var(--soft)}
.photos{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(44%,7.25rem),1fr));gap:.75rem;
list-style:none;margin:0;padding:0}
.photos img,.gone{display:block;width:100%;height:auto;aspect-ratio:1;object-fit:contain;background:var(--card);
border:1px solid var(--rule);border-radius:.375rem}
.gone{display:grid;place-items:center;padding:.75rem;text-align:center;font-size:.875rem;color:var(--soft)}
.photos b{display:block;font-weight:600;color:var(--ink)}
details{margin-top:.75rem}
summary{cursor:pointer;color:var(--accent)}
footer{padding-top:1rem;padding-bottom:2.5rem;font-size:.875rem}
.notice{border-left:4px solid var(--warm);padding:.25rem 0 .25rem 1rem}
@media (max-width:34rem){.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.5rem}h1{font-size:1.4rem}
svg text{font-size:16px}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;--accent:#1f5fbf;
--second:#a3521a;--dot:#1f5fbf;--bar:#7aa5dd;--warm:#a3521a}nav{display:none}body{font-size:10pt}
section{break-inside:auto}figure,.photos li,.cards div,tr{break-inside:avoid}h2,h3{break-after:avoid}
.wide{overflow:visible}
.dot,.bar,.line,.grid,.axis,.guide{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
