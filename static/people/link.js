// A link that signs in and asks for nothing else: its form sends itself. Without this script it is one click.
document.querySelector("form[data-sends-itself]")?.requestSubmit();
