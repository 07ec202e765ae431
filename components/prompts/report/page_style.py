"""The page's style sheet: light and dark, for screens of any width and for paper."""

CSS = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#59626e;--rule:#e4e2dd;--here:#3f78b5;
--lost:#c65d30;--paper:#a7aeb8;--alarm:#b3261e;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1c2026;--ink:#e8eaed;--soft:#a5adb8;
--rule:#2e343c;--here:#6ba1dc;--lost:#e6865c;--paper:#69727e;--alarm:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem 3rem}
h1{font-size:1.75rem;line-height:1.2;letter-spacing:-.015em;margin:0 0 .4rem;font-weight:680}
h2{font-size:1.08rem;margin:0 0 .3rem;font-weight:660}
p{margin:.2rem 0 .7rem;max-width:46rem}
.kicker{color:var(--soft);font-weight:640;font-size:.8rem;letter-spacing:.07em;
text-transform:uppercase;margin:0 0 .4rem}
.lead{color:var(--soft);font-size:1.02rem}
.note,caption{color:var(--soft);font-size:.87rem}
caption{text-align:left;caption-side:bottom;padding-top:.5rem}
section{background:var(--card);border:1px solid var(--rule);border-radius:12px;
padding:1rem 1.2rem;margin:1rem 0;break-inside:avoid;overflow-x:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 1rem}
.pair section{margin:.5rem 0}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--rule);
vertical-align:middle}
th{font-weight:600}
thead th{color:var(--soft);font-size:.84rem;vertical-align:bottom}
tbody th{font-weight:400}
tr:last-child td,tr:last-child th{border-bottom:0}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.whole th,tr.whole td{font-weight:640}
td.bars{width:42%;padding-right:0}
.bar{display:block;height:.95rem;border-radius:2px;background:var(--here);min-width:1px;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
.bar.lost{background:var(--lost)}.bar.paper{background:var(--paper)}
.two .bar{height:.5rem;margin:.12rem 0}
.key{display:inline-flex;align-items:center;gap:.4rem;margin-right:1rem;color:var(--soft);
font-size:.87rem}
.key .bar{width:.8rem;height:.8rem;min-width:.8rem}
.alarm,td b{color:var(--alarm);font-weight:660}
.part{font-weight:600;margin:.9rem 0 .2rem}
footer{color:var(--soft);font-size:.84rem;margin-top:1.5rem}
@media print{body{background:#fff}main{max-width:none;padding:0}section{border-color:#ccc}}
"""
