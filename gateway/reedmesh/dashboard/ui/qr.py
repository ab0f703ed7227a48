"""A QR code as an SVG: one path of dark squares, for a string that somebody has to take to another machine."""

from reedmesh.dashboard.ui.elements import box

QUIET = 4  # modules of margin, ISO/IEC 18004


def qr_code(text: str, label: str) -> None:
    """Draw it; nothing where the package that makes them is missing, for the string stands beside it."""
    try:
        import segno
    except ImportError:
        return
    matrix = segno.make(text, error="l", micro=False).matrix
    size = len(matrix) + 2 * QUIET
    dark = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(matrix) for x, module in enumerate(row) if module
    )
    with box("svg", "qr", viewBox=f"0 0 {size} {size}", role="img", aria_label=label):
        box("rect", width=str(size), height=str(size), fill="#ffffff")
        box("path", d=dark, fill="#000000")
