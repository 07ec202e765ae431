"""The report's style sheet: light and dark, for screens of any width and for paper."""

CSS = """
:root{--bg:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#5d6672;--faint:#8b94a0;--rule:#e4e2dd;
--grid:#eceae5;--accent:#17795e;--base:#98a1ad;--prompted:#b58a3c;--sft:#3f78b5;--ppo:#d2693c;
--ppo_ptx:#17795e;--other:#7d5ba6}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1c2026;--ink:#e8eaed;--soft:#a5adb8;
--faint:#7b848f;--rule:#2e343c;--grid:#272c33;--accent:#3fb592;--base:#8a94a1;--prompted:#cfa355;
--sft:#6ba1dc;--ppo:#e6865c;--ppo_ptx:#3fb592;--other:#a88bd0}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:940px;margin:0 auto;padding:3.2rem 1.4rem 5rem}
h1{font-size:2.05rem;line-height:1.15;letter-spacing:-.02em;margin:0 0 .6rem;font-weight:680}
h2{font-size:1.28rem;letter-spacing:-.01em;margin:3.2rem 0 .4rem;font-weight:660}
h3{font-size:.95rem;margin:0 0 .2rem;font-weight:640}
p{margin:.4rem 0 1rem;max-width:44rem}
.kicker{color:var(--accent);font-weight:640;font-size:.82rem;letter-spacing:.07em;
text-transform:uppercase;margin:0 0 .7rem}
.lead{font-size:1.12rem;color:var(--soft);max-width:46rem}
.note,caption,figcaption{color:var(--soft);font-size:.87rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;
margin:1.8rem 0 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:.9rem 1rem}
.tile b{display:block;font-size:1.65rem;line-height:1.15;letter-spacing:-.02em;font-weight:660;
font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--soft);font-size:.84rem;line-height:1.35;margin-top:.3rem}
.card{background:var(--card);border:1px solid var(--rule);border-radius:14px;
padding:1.2rem 1.3rem;margin:1rem 0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:1rem;margin:1rem 0}
.trio{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:1rem;margin:1rem 0}
.pair .card,.trio .card{margin:0}
.trio .card{padding:1rem}
.card>:last-child{margin-bottom:0}
.prose td.text:first-child{white-space:nowrap;vertical-align:top;color:var(--soft)}
.scroll{overflow-x:auto}
.wide svg{min-width:760px}
svg{display:block;width:100%;height:auto;font-family:inherit}
svg text{fill:var(--ink);font-size:13px}
svg .tick{fill:var(--faint);font-size:11.5px}
svg .axis{fill:var(--soft);font-size:12.5px}
svg .name{font-size:13px;font-weight:560}
svg .value{font-size:12.5px;font-weight:600;font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .floor{stroke:var(--rule);stroke-width:1.2}
svg .reference{stroke:var(--faint);stroke-width:1.4;stroke-dasharray:5 4}
svg .error{stroke:var(--ink);stroke-width:1.4;opacity:.65}
svg .whisker{stroke:var(--c);stroke-width:3;opacity:.55;stroke-linecap:round}
svg .cap{stroke:var(--c);stroke-width:2;opacity:.75}
svg .fill{fill:var(--c)}
svg .curve{fill:none;stroke:var(--c);stroke-width:2.1;stroke-linejoin:round;opacity:.9}
svg .edge{fill:none;stroke:var(--faint);stroke-width:1.1;opacity:.5}
svg .box{fill:var(--card);stroke:var(--rule);stroke-width:1.2}
svg .k-policy{stroke:var(--ppo_ptx)}svg .k-reward_model{stroke:var(--ppo)}
svg .k-dataset{stroke:var(--sft)}
.c-base{--c:var(--base)}.c-prompted{--c:var(--prompted)}.c-sft{--c:var(--sft)}
.c-ppo{--c:var(--ppo)}.c-ppo_ptx{--c:var(--ppo_ptx)}.c-other{--c:var(--other)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;font-size:.87rem;color:var(--soft)}
.key{white-space:nowrap;display:inline-flex;align-items:center;gap:.4rem}
.swatch{width:.72rem;height:.72rem;border-radius:50%;background:var(--c);display:inline-block;
flex:none}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.42rem .6rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--soft);font-size:.84rem;vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:last-child,th:last-child{padding-right:0}
tr:last-child td{border-bottom:0}
th.text,td.text{text-align:left;white-space:normal}
td.heat{text-align:center;background:color-mix(in srgb,var(--h) var(--p),transparent)}
.ask{font-size:.98rem;margin:0 0 .8rem;white-space:pre-wrap;overflow-wrap:anywhere;
max-height:14rem;overflow:auto}
.ask small{color:var(--faint);display:block;font-size:.78rem}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:.7rem}
.answer{border-top:3px solid var(--c);background:var(--bg);border-radius:0 0 8px 8px;
padding:.55rem .7rem .6rem}
.answer p{margin:.15rem 0 .45rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.92rem;
max-height:16rem;overflow:auto}
.answer .who{font-size:.8rem;font-weight:640}
.answer .marks{color:var(--faint);font-size:.77rem;font-variant-numeric:tabular-nums}
.empty{color:var(--faint);font-style:italic}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--soft);font-size:.92rem}
code{font:.82em ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--rule);color:var(--faint);
font-size:.84rem}
@media print{body{background:#fff}main{max-width:none;padding:0}.card,.tile{break-inside:avoid}
details{display:none}}
"""
