"""The look of a gallery: light and dark, on a phone and on paper. The page carries it, and its hash in the policy."""

_LIGHT = (
    "color-scheme:light;--paper:#fbfaf7;--card:#fff;--ink:#1d1c1a;--soft:#5f5c55;--rule:#dedad1;--line:#8a867c;"
    "--accent:#1f5fbf;--star:#8a5a00"
)
_DARK = (
    "color-scheme:dark;--paper:#17181a;--card:#202225;--ink:#ecebe7;--soft:#a9a79f;--rule:#3a3c40;--line:#85888e;"
    "--accent:#7db2ff;--star:#f0b93f"
)

STYLE = (
    ":root{" + _LIGHT + "}"
    "@media (prefers-color-scheme:dark){:root{" + _DARK + "}}"
    ":root[data-theme=light]{" + _LIGHT + "}"
    ":root[data-theme=dark]{" + _DARK + "}"
    """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.5;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif}
header,main,footer{max-width:100rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.75rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .75rem}
p{margin:.25rem 0}
a{color:var(--accent)}
.soft,footer{color:var(--soft)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button,select,input{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);
border-radius:.375rem;padding:.3rem .6rem;min-height:2.25rem}
button{cursor:pointer}
button:disabled{opacity:.5;cursor:default}
button[aria-pressed=true]{background:var(--accent);color:var(--paper)}
.bar{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;
margin:1rem -1.25rem;padding:.6rem 1.25rem;background:var(--paper);border-block:1px solid var(--rule)}
.bar label{display:flex;gap:.5rem;align-items:center}
.bar input[type=search]{width:9rem}
.bar input[type=number]{width:5rem}
.bar .count{margin-left:auto;color:var(--soft);font-variant-numeric:tabular-nums}
html:not(.ready) .bar{display:none}
.photos{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(46%,13rem),1fr));gap:1rem;
list-style:none;margin:0;padding:0}
.photo{display:block;width:100%;height:100%;padding:0 0 .6rem;text-align:left;overflow:hidden;
border-color:var(--rule);border-radius:.5rem;scroll-margin:6rem 0 1rem}
.photo img,.gone{display:block;width:100%;height:auto;aspect-ratio:4/3;object-fit:contain;background:var(--paper)}
.gone{display:grid;place-items:center;padding:.75rem;text-align:center;color:var(--soft);font-size:.875rem}
.photo .name,.photo .facts{display:block;padding:0 .7rem}
.photo .name{margin-top:.5rem;font-size:.875rem;color:var(--soft);white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.photo b{font-size:1.3rem;font-weight:600;font-variant-numeric:tabular-nums}
.photo small{display:block;color:var(--soft);font-size:.8125rem;font-variant-numeric:tabular-nums}
.stars{color:var(--star);letter-spacing:.05em;margin-left:.5rem;white-space:nowrap}
dialog{color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;
max-width:min(96vw,72rem);max-height:96vh}
dialog::backdrop{background:rgb(0 0 0/.75)}
#large{width:min(96vw,72rem)}
#large img{display:block;width:100%;height:68vh;object-fit:contain;background:var(--paper)}
#large img[hidden]{display:none}
#large h2{overflow-wrap:anywhere;margin:.75rem 0 .25rem}
#large .figures{font-size:1.1rem;font-variant-numeric:tabular-nums}
.keys{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.35rem 1.25rem;margin:0 0 1rem}
.keys dd{margin:0}
kbd{font:inherit;border:1px solid var(--line);border-radius:.25rem;padding:0 .4rem;white-space:nowrap}
.row{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.75rem;align-items:center}
.row a{margin-right:auto}
.row .space{margin-right:auto}
.failed{margin-top:2.5rem;padding-top:1.25rem;border-top:1px solid var(--rule)}
.failed ul{padding-left:1.25rem;overflow-wrap:anywhere}
footer{padding-top:1.5rem;padding-bottom:2rem;font-size:.875rem}
[hidden]{display:none!important}
@media (max-width:40rem){.bar{position:static}.bar label,.bar select{flex:1 1 100%}
.bar input[type=search],.bar input[type=number],.bar select{flex:1;width:auto;min-width:0}
.bar .count{margin-left:0;flex:1 1 100%}.photos{gap:.6rem}.photo b{font-size:1.1rem}
.stars{margin-left:0;display:block}#large img{height:52vh}}
@media print{:root,:root[data-theme]{"""
    + _LIGHT
    + """;--paper:#fff;--ink:#000;--soft:#444}body{font-size:9pt}.bar,dialog{display:none!important}
.photos{grid-template-columns:repeat(4,1fr)}.photos li,.failed li{break-inside:avoid}h2{break-after:avoid}}
"""
)
