"""One table: bytes in, rows, cursor and attributes out, for each sequence the emulator keeps or must ignore."""

from __future__ import annotations

import pytest

from supervisor.tui.terminal import DEFAULT, Attrs, Colours, InputModes, Scrollback, Terminal

RED = Attrs(fg=1)


def show(data: bytes, rows: int = 4, cols: int = 10) -> Terminal:
    terminal = Terminal(rows, cols)
    terminal.feed(data)
    assert terminal.faults == 0, terminal.last_fault
    return terminal


def text(terminal: Terminal) -> list[str]:
    """The rows without those that are blank at the end."""
    rows = [line.text.rstrip() for line in terminal.lines()]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def looks(terminal: Terminal, y: int = 0) -> list[tuple[str, Attrs]]:
    return terminal.row(y).runs


# name, bytes, rows, cursor (y, x); 4 rows of 10
SCREEN: list[tuple[str, bytes, list[str], tuple[int, int]]] = [
    ("text", b"abc", ["abc"], (0, 3)),
    ("cr lf", b"ab\r\ncd", ["ab", "cd"], (1, 2)),
    ("lf alone keeps the column", b"ab\ncd", ["ab", "  cd"], (1, 4)),
    ("vt and ff are lf", b"a\x0bb\x0cc", ["a", " b", "  c"], (2, 3)),
    ("lnm", b"\x1b[20hab\ncd", ["ab", "cd"], (1, 2)),
    ("backspace", b"abc\b\bX", ["aXc"], (0, 2)),
    ("backspace at the margin", b"\b\bX", ["X"], (0, 1)),
    ("tab", b"a\tb", ["a       b"], (0, 9)),
    ("tab at the end", b"\t\t\tb", ["         b"], (0, 9)),
    ("nul del enq ignored", b"a\x00\x7f\x05b", ["ab"], (0, 2)),
    ("c1 ignored", b"a\xc2\x85\xc2\x90b", ["ab"], (0, 2)),
    ("scroll", b"1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"], (3, 1)),
    # wrapping
    ("wrap", b"abcdefghijkl", ["abcdefghij", "kl"], (1, 2)),
    ("wrap is pending", b"abcdefghij", ["abcdefghij"], (0, 9)),
    ("wrap pending, then cr", b"abcdefghij\rX", ["Xbcdefghij"], (0, 1)),
    ("wrap pending, then cr lf", b"abcdefghij\r\nX", ["abcdefghij", "X"], (1, 1)),
    ("wrap pending, erasing erases nothing", b"abcdefghij\x1b[K", ["abcdefghij"], (0, 9)),
    ("wrap pending, backspace", b"abcdefghij\bX", ["abcdefghXj"], (0, 9)),
    ("wrap pending, cursor up", b"\r\nabcdefghij\x1b[AX", ["         X", "abcdefghij"], (0, 9)),
    ("wrap at the bottom scrolls", b"\x1b[4;1Habcdefghijk", ["", "", "abcdefghij", "k"], (3, 1)),
    ("no autowrap", b"\x1b[?7labcdefghijklm", ["abcdefghim"], (0, 9)),
    ("no autowrap, then on", b"\x1b[?7labcdefghijkl\x1b[?7hX", ["abcdefghiX"], (0, 9)),
    # cursor
    ("cup", b"\x1b[2;3HX", ["", "  X"], (1, 3)),
    ("cup home", b"\x1b[2;3H\x1b[HX", ["X"], (0, 1)),
    ("cup clamped", b"\x1b[99;99HX", ["", "", "", "         X"], (3, 9)),
    ("cup zero", b"\x1b[0;0HX", ["X"], (0, 1)),
    ("hvp", b"\x1b[2;3fX", ["", "  X"], (1, 3)),
    ("cuu cud cuf cub", b"\x1b[3;5H\x1b[A\x1b[2C\x1b[B\x1b[DX", ["", "", "     X"], (2, 6)),
    ("cuu clamped", b"\x1b[3;5H\x1b[99AX", ["    X"], (0, 5)),
    ("cud clamped", b"\x1b[99BX", ["", "", "", "X"], (3, 1)),
    ("cuf cub clamped", b"\x1b[99C\x1b[99DX", ["X"], (0, 1)),
    ("cnl cpl", b"abc\x1b[2EX\x1b[FY", ["abc", "Y", "X"], (1, 1)),
    ("cha hpa", b"abc\x1b[2GX\x1b[5`Y", ["aXc Y"], (0, 5)),
    ("vpa vpr hpr", b"\x1b[2dX\x1b[eY\x1b[aZ", ["", "X", " Y Z"], (2, 4)),
    ("cht cbt", b"\x1b[IX\x1b[2ZY", ["Y       X"], (0, 1)),
    ("cbt default", b"\x1b[10G\x1b[ZX", ["        X"], (0, 9)),
    ("cht clamped", b"\x1b[9999IX", ["         X"], (0, 9)),
    ("hts tbc", b"\x1b[3G\x1bH\r\tX\x1b[3g\r\tY", ["  X      Y"], (0, 9)),
    ("tbc at the cursor", b"\x1b[9G\x1b[g\r\tX", ["         X"], (0, 9)),
    ("decsc decrc", b"ab\x1b7\x1b[3;3HX\x1b8Y", ["abY", "", "  X"], (0, 3)),
    ("scosc scorc", b"ab\x1b[s\x1b[3;3HX\x1b[uY", ["abY", "", "  X"], (0, 3)),
    ("decrc without decsc", b"ab\x1b8Y", ["Yb"], (0, 1)),
    ("decsc keeps a pending wrap", b"abcdefghij\x1b7\x1b[H\x1b8k", ["abcdefghij", "k"], (1, 1)),
    ("ind nel", b"a\x1bDb\x1bEc", ["a", " b", "c"], (2, 1)),
    ("ri", b"\x1b[2;2Ha\x1bMb", ["  b", " a"], (0, 3)),
    ("ri scrolls down", b"a\r\x1bMb", ["b", "a"], (0, 1)),
    # erasing
    ("el 0", b"abcdef\x1b[4G\x1b[K", ["abc"], (0, 3)),
    ("el 1", b"abcdef\x1b[4G\x1b[1K", ["    ef"], (0, 3)),
    ("el 2", b"abcdef\x1b[4G\x1b[2K", [], (0, 3)),
    ("el 9 ignored", b"abc\x1b[9K", ["abc"], (0, 3)),
    ("ed 0", b"ab\r\ncd\r\nef\x1b[2;2H\x1b[J", ["ab", "c"], (1, 1)),
    ("ed 1", b"ab\r\ncd\r\nef\x1b[2;1H\x1b[1J", ["", " d", "ef"], (1, 0)),
    ("ed 2", b"ab\r\ncd\x1b[2J", [], (1, 2)),
    ("ed 3 leaves the screen", b"ab\r\ncd\x1b[3J", ["ab", "cd"], (1, 2)),
    ("ed with a second parameter", b"ab\x1b[2;J", [], (0, 2)),
    ("ech", b"abcdef\x1b[2G\x1b[3X", ["a   ef"], (0, 1)),
    ("ech clamped", b"abcdef\x1b[2G\x1b[9999X", ["a"], (0, 1)),
    ("ich", b"abcdef\x1b[2G\x1b[2@", ["a  bcdef"], (0, 1)),
    ("ich pushes out", b"abcdefghij\x1b[2G\x1b[3@", ["a   bcdefg"], (0, 1)),
    ("dch", b"abcdef\x1b[2G\x1b[2P", ["adef"], (0, 1)),
    ("dch clamped", b"abcdef\x1b[2G\x1b[9999P", ["a"], (0, 1)),
    ("irm", b"abc\x1b[2G\x1b[4hXY\x1b[4lZ", ["aXYZc"], (0, 4)),
    ("irm at the end", b"abcdefghij\x1b[9G\x1b[4hX", ["abcdefghXi"], (0, 9)),
    ("rep", b"ab\x1b[3b", ["abbbb"], (0, 5)),
    ("rep wraps", b"abc\x1b[9b", ["abcccccccc", "cc"], (1, 2)),
    ("rep is clamped to a row", b"a\x1b[999999999b", ["aaaaaaaaaa", "a"], (1, 1)),
    ("rep of nothing", b"\x1b[5bx", ["x"], (0, 1)),
    ("rep wide", "日".encode() + b"\x1b[b", ["日日"], (0, 4)),
    ("decaln", b"x\x1b#8", ["EEEEEEEEEE"] * 4, (0, 0)),
    # scrolling and margins
    ("su", b"1\r\n2\r\n3\r\n4\x1b[2S", ["3", "4"], (3, 1)),
    ("sd", b"1\r\n2\r\n3\r\n4\x1b[2T", ["", "", "1", "2"], (3, 1)),
    ("su clamped", b"1\r\n2\x1b[9999S", [], (1, 1)),
    ("il", b"1\r\n2\r\n3\x1b[2;2H\x1b[L", ["1", "", "2", "3"], (1, 0)),
    ("dl", b"1\r\n2\r\n3\x1b[2;2H\x1b[M", ["1", "3"], (1, 0)),
    ("il clamped", b"1\r\n2\r\n3\x1b[2;1H\x1b[9999L", ["1"], (1, 0)),
    ("decstbm", b"1\r\n2\r\n3\r\n4\x1b[2;3rX", ["X", "2", "3", "4"], (0, 1)),
    ("lf at the bottom margin", b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\nX", ["1", "3", "X", "4"], (2, 1)),
    ("lf below the margin", b"1\r\n2\r\n3\r\n4\x1b[1;2r\x1b[4;1H\nX", ["1", "2", "3", "X"], (3, 1)),
    ("ri at the top margin", b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[2;1H\x1bMX", ["1", "X", "2", "4"], (1, 1)),
    ("su in margins", b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[S", ["1", "3", "", "4"], (0, 0)),
    ("il outside margins", b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[4;1H\x1b[L", ["1", "2", "3", "4"], (3, 0)),
    ("cuu stops at the margin", b"\x1b[2;3r\x1b[3;1H\x1b[9AX", ["", "X"], (1, 1)),
    ("cuu from above the margin", b"\x1b[3;4r\x1b[2;1H\x1b[9AX", ["X"], (0, 1)),
    ("cud from below the margin", b"\x1b[1;2r\x1b[3;1H\x1b[9BX", ["", "", "", "X"], (3, 1)),
    ("margins of one row ignored", b"1\r\n2\x1b[2;2rX", ["1", "2X"], (1, 2)),
    ("margins reset", b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[r\x1b[4;1H\nX", ["2", "3", "4", "X"], (3, 1)),
    ("decom", b"\x1b[2;3r\x1b[?6hX\x1b[9;1HY", ["", "X", "Y"], (2, 1)),
    ("decom off goes home", b"\x1b[2;3r\x1b[?6h\x1b[?6lX", ["X"], (0, 1)),
    ("decom vpa", b"\x1b[2;3r\x1b[?6h\x1b[2dX", ["", "", "X"], (2, 1)),
    # screens
    ("1049", b"ab\x1b[?1049h\x1b[HX\x1b[?1049lc", ["abc"], (0, 3)),
    ("1049 shows a blank screen", b"ab\x1b[?1049hX", ["  X"], (0, 3)),
    ("47", b"ab\x1b[?47h\x1b[3;1HX\x1b[?47lc", ["ab", "", " c"], (2, 2)),
    ("1047", b"ab\x1b[?1047h\x1b[2J\x1b[1;3H\x1b[?1047lc", ["abc"], (0, 3)),
    ("1048", b"ab\x1b[?1048h\x1b[3;3H\x1b[?1048lc", ["abc"], (0, 3)),
    ("decsc per screen", b"ab\x1b7\x1b[?47h\x1b[2;2H\x1b7\x1b[H\x1b8X\x1b[?47l\x1b8c", ["abc"], (0, 3)),
    ("1049 twice", b"ab\x1b[?1049hX\x1b[?1049hY\x1b[?1049l\x1b[?1049lc", ["abc"], (0, 3)),
    ("ris", b"ab\x1b[2;3r\x1b[?1049hX\x1bcY", ["Y"], (0, 1)),
    ("decstr", b"ab\x1b[4h\x1b[2;3r\x1b[?6h\x1b[!p\x1b[1;1HX", ["Xb"], (0, 1)),
    # character sets
    ("line drawing", b"\x1b(0lqk\x1b(Bq", ["┌─┐q"], (0, 4)),
    ("so si", b"\x1b)0q\x0eq\x0fq", ["q─q"], (0, 3)),
    ("g1 not used", b"\x1b)0lqk", ["lqk"], (0, 3)),
    ("unknown charset ignored", b"\x1b(Zq", ["q"], (0, 1)),
    ("decsc keeps the charset", b"\x1b(0\x1b7\x1b(B\x1b8q", ["─"], (0, 1)),
    # wide and combining
    ("wide", "日本".encode(), ["日本"], (0, 4)),
    ("wide wraps in the last column", b"abcdefghi" + "日".encode(), ["abcdefghi", "日"], (1, 2)),
    ("wide wraps, the last column stays", b"abcdefghij\x1b[10G" + "日".encode(), ["abcdefghij", "日"], (1, 2)),
    ("wide fills the row", b"abcdefgh" + "日".encode(), ["abcdefgh日"], (0, 9)),
    ("wide without autowrap", b"\x1b[?7labcdefghi" + "日".encode(), ["abcdefgh日"], (0, 9)),
    ("left half overwritten", "日本".encode() + b"\rX", ["X 本"], (0, 1)),
    ("right half overwritten", "日本".encode() + b"\x1b[2GX", [" X本"], (0, 2)),
    ("wide over the right half", "日本".encode() + b"\x1b[2G" + "語".encode(), [" 語"], (0, 3)),
    ("erase from a right half", "日本".encode() + b"\x1b[4G\x1b[K", ["日"], (0, 3)),
    ("delete half", "日本".encode() + b"\x1b[2G\x1b[P", [" 本"], (0, 1)),
    ("insert inside", "日本".encode() + b"\x1b[2G\x1b[@", ["   本"], (0, 1)),
    ("insert pushes a half out", b"abcdefgh" + "日".encode() + b"\r\x1b[@", [" abcdefgh"], (0, 0)),
    ("combining", "e\u0301x".encode(), ["e\u0301x"], (0, 2)),
    ("combining on wide", "日\u0301x".encode(), ["日\u0301x"], (0, 3)),
    ("combining at the start is dropped", "\u0301x".encode(), ["x"], (0, 1)),
    ("combining on a full row", b"abcdefghij" + "\u0301".encode(), ["abcdefghij\u0301"], (0, 9)),
    ("zalgo is capped", ("a" + "\u0301" * 50 + "b").encode(), ["a" + "\u0301" * 7 + "b"], (0, 2)),
    ("zero width space dropped", "a\u200bb".encode(), ["ab"], (0, 2)),
    ("vs16", "a\u2764\ufe0fbc".encode(), ["a\u2764\ufe0fbc"], (0, 4)),
    ("zwj", "\U0001f469\u200d\U0001f4bbx".encode(), ["\U0001f469\u200d\U0001f4bbx"], (0, 5)),
    ("flag takes two", "\U0001f1e9\U0001f1eax".encode(), ["\U0001f1e9\U0001f1eax"], (0, 3)),
    ("bidi controls dropped", "a\u202eb\u2066c".encode(), ["abc"], (0, 3)),
    ("invalid utf-8", b"a\xff\xc3b", ["a\ufffd\ufffdb"], (0, 4)),
    # section 4: must not print, must not raise
    ("CSI ?4m", b"\x1b[?4mx", ["x"], (0, 1)),
    ("CSI ?1;2H", b"ab\x1b[?1;2Hx", ["abx"], (0, 3)),
    ("too many parameters", b"\r\n\r\n\x1b[1;2;3Ax", ["", "x"], (1, 1)),
    ("modifyOtherKeys", b"\x1b[>4;2mx\x1b[>4m", ["x"], (0, 1)),
    ("colon colours", b"\x1b[38:2::255:0:0mx\x1b[4:3my", ["xy"], (0, 2)),
    ("dcs", b"a\x1bP$qm\x1b\\b", ["ab"], (0, 2)),
    ("tmux passthrough", b"a\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\b", ["ab"], (0, 2)),
    ("kitty graphics", b"a\x1b_Gf=100;AAAA\x1b\\b", ["ab"], (0, 2)),
    ("pm sos", b"a\x1b^x\x1b\\\x1bXy\x1b\\b", ["ab"], (0, 2)),
    ("CSI !p CSI <u CSI =1;1u", b"\x1b[!p\x1b[<u\x1b[=1;1ux", ["x"], (0, 1)),
    ("cursor style, window ops", b"\x1b[2 q\x1b[22;0;0tx", ["x"], (0, 1)),
    ("osc 7 8 9 133 777 1337", b"\x1b]7;file:///\x07\x1b]9;hi\x07\x1b]133;A\x07\x1b]777;n\x07\x1b]1337;x=y\x07x", ["x"], (0, 1)),
    ("c0 inside csi", b"abc\x1b[2\rCx", ["abx"], (0, 3)),
    ("csi broken off by esc", b"a\x1b[3\x1b[CX", ["a X"], (0, 3)),
    ("csi broken off by can", b"a\x1b[3\x18X", ["aX"], (0, 2)),
    ("unknown csi", b"\x1b[5~\x1b[1;2R\x1b[3;4y\x1b[1\"p\x1b[?5Wx", ["x"], (0, 1)),
    ("unknown escapes", b"\x1b#3\x1b%G\x1b F\x1b*0\x1bN\x1bnx", ["x"], (0, 1)),
    ("leading zeros", b"\x1b[000000002;0000000003Hx", ["", "  x"], (1, 3)),
    ("deccolm clears and goes home", b"ab\x1b[2;3r\x1b[4;4Hc\x1b[?3hx\x1b[4;1Hy", ["x", "", "", "y"], (3, 1)),
    ("cub from a pending wrap", b"\x1b[1;10Hx\x1b[Dy", ["        yx"], (0, 9)),
    ("decstbm goes home in origin mode", b"\x1b[?6h\x1b[3;4rx", ["", "", "x"], (2, 1)),
    ("decrc restores the charsets", b"\x1b(0\x1b7\x1b(B\x1b8q", ["\u2500"], (0, 1)),
    ("dec private modes ignored", b"\x1b[?12h\x1b[?9999h\x1b[?1015hx", ["x"], (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "rows", "cursor"), [case[1:] for case in SCREEN], ids=[case[0] for case in SCREEN]
)
def test_screen(data: bytes, rows: list[str], cursor: tuple[int, int]) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        terminal = Terminal(4, 10)
        for piece in pieces:
            terminal.feed(piece)
        assert text(terminal) == rows
        assert terminal.cursor[:2] == cursor
        assert terminal.faults == 0


@pytest.mark.parametrize(
    ("sequence", "attrs"),
    [
        ("0", DEFAULT),
        ("", DEFAULT),
        ("1", Attrs(bold=True)),
        ("2", Attrs(dim=True)),
        ("3", Attrs(italic=True)),
        ("4", Attrs(underline=True)),
        ("5", Attrs(blink=True)),
        ("6", Attrs(blink=True)),
        ("7", Attrs(reverse=True)),
        ("8", Attrs(conceal=True)),
        ("9", Attrs(strike=True)),
        ("21", Attrs(underline=True)),
        ("1;2;22", DEFAULT),
        ("3;23", DEFAULT),
        ("4;24", DEFAULT),
        ("5;25", DEFAULT),
        ("7;27", DEFAULT),
        ("8;28", DEFAULT),
        ("9;29", DEFAULT),
        ("31;1;44", Attrs(fg=1, bg=4, bold=True)),
        ("97;100", Attrs(fg=15, bg=8)),
        ("31;39", DEFAULT),
        ("41;49", DEFAULT),
        ("38;5;196", Attrs(fg=196)),
        ("48;5;17;1", Attrs(bg=17, bold=True)),
        ("38;2;1;2;3", Attrs(fg=(1, 2, 3))),
        ("48;2;1;2;3;4", Attrs(bg=(1, 2, 3), underline=True)),
        ("38:5:196", Attrs(fg=196)),
        ("38:2::1:2:3", Attrs(fg=(1, 2, 3))),
        ("38:2:1:2:3", Attrs(fg=(1, 2, 3))),
        ("48:2:0:1:2:3;1", Attrs(bg=(1, 2, 3), bold=True)),
        ("4:3", Attrs(underline=True)),
        ("4;4:0", DEFAULT),
        ("58;5;9;1", Attrs(bold=True)),
        ("58;2;1;2;3;1", Attrs(bold=True)),
        ("58:5:9;1", Attrs(bold=True)),
        ("59;1", Attrs(bold=True)),
        ("38;5;256", DEFAULT),
        ("38;2;1;2;999", DEFAULT),
        ("38;5", DEFAULT),
        ("38", DEFAULT),
        ("38:2", DEFAULT),
        ("1;99999999999999999999", Attrs(bold=True)),
        ("53;10;73;1", Attrs(bold=True)),
        (":::", DEFAULT),
        ("1;;4", Attrs(underline=True)),
    ],
)
def test_sgr(sequence: str, attrs: Attrs) -> None:
    terminal = show(f"\x1b[{sequence}mx".encode())
    assert looks(terminal) == [("x", attrs)]
    # again, now that the pen has learnt it
    terminal.feed(f"\x1b[m\r\x1b[{sequence}my".encode())
    assert looks(terminal) == [("y", attrs)]


def test_sgr_with_a_marker_changes_nothing() -> None:
    assert looks(show(b"\x1b[>4;2mx")) == [("x", DEFAULT)]
    assert looks(show(b"\x1b[?4mx")) == [("x", DEFAULT)]


def test_erasing_keeps_the_background_only() -> None:
    terminal = show(b"\x1b[1;4;31;44mab\x1b[K")
    assert looks(terminal) == [("ab", Attrs(fg=1, bg=4, bold=True, underline=True)), (" " * 8, Attrs(bg=4))]
    for sequence in (b"\x1b[2J", b"\x1b[2K", b"\x1b[10X", b"\x1b[10@", b"\x1b[10P", b"\x1b[L"):
        assert looks(show(b"\x1b[44m" + sequence)) == [(" " * 10, Attrs(bg=4))]
    assert looks(show(b"\x1b[44m\x1b[M"), 3) == [(" " * 10, Attrs(bg=4))]
    assert looks(show(b"\x1b[44m\r\n\r\n\r\n\r\n"), 3) == [(" " * 10, Attrs(bg=4))]


def test_save_cursor_keeps_attributes() -> None:
    assert looks(show(b"\x1b[31m\x1b7\x1b[m\x1b8x")) == [("x", RED)]


def test_runs_are_joined_and_trimmed() -> None:
    terminal = show(b"\x1b[31mab\x1b[0m\x1b[31mcd\x1b[m ef   ")
    assert looks(terminal) == [("abcd", RED), (" ef", DEFAULT)]
    assert looks(show("日\x1b[31m本e\u0301".encode())) == [("日", DEFAULT), ("本e\u0301", RED)]
    assert looks(show(b"\x1b[5G\x1b[31mx")) == [("    ", DEFAULT), ("x", RED)]
    assert looks(show(b"")) == []


def test_row_is_the_same_object_until_it_changes() -> None:
    terminal = show(b"one\r\ntwo\r\nthree")
    one, two = terminal.row(0), terminal.row(1)
    terminal.feed(b"\x1b[31m\x1b[H")
    assert terminal.row(0) is one
    terminal.feed(b"x")
    assert terminal.row(0) is not one and terminal.row(0).text == "xne"
    assert terminal.row(1) is two
    terminal.feed(b"\x1b[4;1H\n")
    assert terminal.row(0) is two
    assert terminal.line(0).text == "xne"


def test_modes_for_the_input_side() -> None:
    terminal = show(b"\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h")
    assert terminal.modes == InputModes(True, True, True, 1002, 1006, True)
    terminal.feed(b"\x1b[?1003h\x1b[?1005h")
    assert (terminal.modes.mouse, terminal.modes.mouse_encoding) == (1003, 1005)
    terminal.feed(b"\x1b[?1l\x1b>\x1b[?2004l\x1b[?1003l\x1b[?1005l\x1b[?1004l")
    assert terminal.modes == InputModes()
    terminal.feed(b"\x1b[?1;9;2004h")
    assert terminal.modes == InputModes(application_cursor=True, bracketed_paste=True, mouse=9)
    terminal.feed(b"\x1bc")
    assert terminal.modes == InputModes()


def test_cursor_visibility_synchronized_reverse() -> None:
    terminal = show(b"\x1b[?25l\x1b[?2026h\x1b[?5h")
    assert not terminal.cursor.visible and terminal.synchronized and terminal.reversed
    terminal.feed(b"\x1b[?25h\x1b[?2026l\x1b[?5l")
    assert terminal.cursor.visible and not terminal.synchronized and not terminal.reversed


def test_title_and_bell() -> None:
    terminal = show(b"\x1b]0;one\x07\x07\x07")
    assert (terminal.title, terminal.bell) == ("one", 2)
    terminal.feed(b"\x1b]2;" + "tö\u202e\u0085t".encode() + b"x" * 300 + b"\x1b\\")
    assert terminal.title == ("töt" + "x" * 300)[:200]
    for other in (b"1", b"10", b"20", b"21", b"200", b"l"):
        terminal.feed(b"\x1b]" + other + b";no\x07")
    assert terminal.title.startswith("töt")


def test_links() -> None:
    terminal = show(b"\x1b]8;id=1;https://example.org/a\x07ab\x1b[1mc\x1b[m\x1b]8;;\x07d")
    link = "https://example.org/a"
    assert looks(terminal) == [("ab", Attrs(link=link)), ("c", Attrs(bold=True, link=link)), ("d", DEFAULT)]
    for bad in (
        b"file:///etc/passwd",
        b"javascript:x",
        b"http://" + b"x" * 2000,
        "http://ö".encode(),
        b"http://a b",
    ):
        assert looks(show(b"\x1b]8;;" + bad + b"\x07x")) == [("x", DEFAULT)]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[0c", b"\x1b[?62;22c"),
        (b"\x1b[>c", b"\x1b[>0;279;0c"),
        (b"\x1b[=c", b""),
        (b"\x1b[?c", b""),
        (b"\x1b[5n", b"\x1b[0n"),
        (b"ab\x1b[6n", b"\x1b[1;3R"),
        (b"\x1b[2;3r\x1b[?6h\x1b[2;4H\x1b[6n", b"\x1b[2;4R"),
        (b"\x1b[?6n", b"\x1b[?1;1R"),
        (b"abcdefghij\x1b[6n", b"\x1b[1;10R"),
        (b"\x1b[?7$p", b"\x1b[?7;1$y"),
        (b"\x1b[?2004$p", b"\x1b[?2004;2$y"),
        (b"\x1b[?2004h\x1b[?2004$p", b"\x1b[?2004;1$y"),
        (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
        (b"\x1b[?1049h\x1b[?1049$p", b"\x1b[?1049;1$y"),
        (b"\x1b[?12345$p", b"\x1b[?9999;0$y"),
        (b"\x1b[4$p", b"\x1b[4;2$y"),
        (b"\x1b[?u", b"\x1b[?0u"),
        (b"\x1b]10;?\x07", b"\x1b]10;rgb:0101/0202/0303\x07"),
        (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:0404/0505/0606\x1b\\"),
        (b"\x1b]12;?\x07", b"\x1b]12;rgb:0707/0808/0909\x07"),
        (b"\x1b]10;?;?\x07", b"\x1b]10;rgb:0101/0202/0303\x07\x1b]11;rgb:0404/0505/0606\x07"),
        (b"\x1b]4;1;?\x07", b"\x1b]4;1;rgb:cdcd/0000/0000\x07"),
        (b"\x1b]4;999;?\x07", b""),
        (b"\x1b]4;1;red\x07", b""),
        (b"\x1b]52;c;?\x07", b""),
        (b"\x1bP$qm\x1b\\", b""),
    ],
)
def test_questions(question: bytes, answer: bytes) -> None:
    terminal = Terminal(4, 10, colours=Colours((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    terminal.feed(question)
    assert terminal.replies() == answer
    assert terminal.replies() == b""
    terminal.muted = True
    terminal.feed(question)
    assert terminal.replies() == b""


@pytest.mark.parametrize("mode", [1, 5, 6, 9, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1047, 1049, 2004, 2026])
def test_every_mode_that_is_kept_is_told(mode: int) -> None:
    """DECRQM: reset at the start, set, reset; 7 and 25 are set at the start."""
    for number, start in ((mode, 2), (7, 1), (25, 1)):
        terminal = Terminal(4, 10)
        ask = b"\x1b[?%d$p" % number
        terminal.feed(ask + b"\x1b[?%dh" % number + ask + b"\x1b[?%dl" % number + ask)
        assert terminal.replies() == b"".join(b"\x1b[?%d;%d$y" % (number, told) for told in (start, 1, 2))


@pytest.mark.parametrize("number", range(8))
def test_all_of_the_sixteen_colours(number: int) -> None:
    for sgr, attrs in (
        (30 + number, Attrs(fg=number)),
        (40 + number, Attrs(bg=number)),
        (90 + number, Attrs(fg=8 + number)),
        (100 + number, Attrs(bg=8 + number)),
    ):
        assert looks(show(b"\x1b[%dmx" % sgr)) == [("x", attrs)]


@pytest.mark.parametrize(
    "begin", [b"\x1b]0;", b"\x1b]8;;http://", b"\x1b]52;c;", b"\x1bP$q", b"\x1b_G", b"\x1b^", b"\x1bX"]
)
def test_a_string_without_an_end_is_kept_within_bounds_and_over_with_its_end(begin: bytes) -> None:
    terminal = Terminal(4, 10)
    terminal.feed(b"a" + begin)
    for _ in range(200):
        terminal.feed(b"x" * 1000)
    assert len(terminal._tokenizer._tail) <= 4200
    terminal.feed(b"\x1b\\b")
    assert terminal.lines()[0].text.rstrip() == "ab" and terminal.title == ""


def test_replies_are_bounded() -> None:
    terminal = show(b"\x1b[c" * 10_000)
    assert 0 < len(terminal.replies()) <= 4096
    terminal.feed(b"\x1b[5n")
    assert terminal.replies() == b"\x1b[0n"


def test_clipboard_only_where_it_is_wanted() -> None:
    terminal = show(b"\x1b]52;c;aGVsbG8=\x07")
    assert terminal.take_clipboard() is None
    terminal = Terminal(4, 10, osc52=True)
    terminal.feed(b"\x1b]52;c;aGVsbG8=\x07")
    assert terminal.take_clipboard() == b"hello"
    assert terminal.take_clipboard() is None
    terminal.feed(b"\x1b]52;c;not base64!\x07")
    assert terminal.take_clipboard() is None


def test_alternate_screen_has_no_history() -> None:
    terminal = show(b"1\r\n2\r\n3\r\n4\r\n5\x1b[?1049h" + b"x\r\n" * 50)
    assert terminal.alternate and terminal.history_len == 1
    terminal.feed(b"\x1b[?1049l")
    assert not terminal.alternate and text(terminal) == ["2", "3", "4", "5"]


def test_history() -> None:
    terminal = Terminal(2, 10, Scrollback(lines=3))
    for n in range(8):
        terminal.feed(f"\x1b[3{n}m{n}\r\n".encode())
    assert [terminal.line(i).text for i in range(terminal.history_len)] == ["4", "5", "6"]
    assert terminal.line(0).runs == [("4", Attrs(fg=4))]
    assert terminal.history_dropped == 4
    terminal.feed(b"\x1b[3J")
    assert (terminal.history_len, terminal.history_bytes, terminal.history_dropped) == (0, 0, 7)
    assert text(terminal) == ["7"]


def test_nothing_from_within_margins_goes_to_history() -> None:
    assert show(b"\x1b[1;3r\x1b[3;1H" + b"x\n" * 20).history_len == 0
    assert show(b"\x1b[2;4r\x1b[4;1H" + b"x\n" * 20).history_len == 0
    assert show(b"x\x1b[2M\x1b[9L").history_len == 0
    assert show(b"a\r\nb\x1b[2S").history_len == 2
