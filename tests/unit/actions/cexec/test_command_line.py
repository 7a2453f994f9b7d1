"""cexec's command line without an interpreter: what is a word, what a command."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osie.actions.cexec.settings import commands


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"find / -exec rm {} \;", [["find", "/", "-exec", "rm", "{}", ";"]]),
        ("find / -exec rm {} ';'; sync", [["find", "/", "-exec", "rm", "{}", ";"], ["sync"]]),
        ('find / -exec rm {} ";";sync', [["find", "/", "-exec", "rm", "{}", ";"], ["sync"]]),
        ("a 'b'';' c", [["a", "b;", "c"]]),
        (r"a\;b;c", [["a;b"], ["c"]]),
        ("a ;; b;", [["a"], ["b"]]),
        ("a 'b; c' \"d;\te\"", [["a", "b; c", "d;\te"]]),
        ("a '' \"\"", [["a", "", ""]]),
        ("a \"it's\" '\"'", [["a", "it's", '"']]),
        (r'a "\"\\\n"', [["a", '"\\\\n']]),
        (r"a\ b \'c", [["a b", "'c"]]),
        (r"sed -i s/\.x/\$y/ f\\", [["sed", "-i", r"s/\.x/\$y/", "f\\"]]),
        ("a #b $HOME *.c", [["a", "#b", "$HOME", "*.c"]]),
        ("a\n  b\t c\n", [["a", "b", "c"]]),
        ("", []),
        (" ; ", []),
    ],
)
def test_only_what_is_not_quoted_separates(line: str, expected: list[list[str]]) -> None:
    """Blanks words, and semicolons commands; a backslash before a letter is one."""
    assert [list(words) for words in commands(line, "")] == expected


@pytest.mark.parametrize("line", ["it's", 'a "b', "a 'b\" c"])
def test_a_quote_that_is_not_closed_is_an_error(line: str) -> None:
    """Rather than a word that was never meant."""
    with pytest.raises(ValueError, match="isn't closed"):
        commands(line, "")


@given(st.text(st.characters(exclude_characters="'\"\\", exclude_categories=["Cs"])))
def test_what_upstream_runs_is_run_alike(line: str) -> None:
    """Upstream cuts at each semicolon, then at blanks; without quotes there is no difference."""
    expected = [part.split() for part in line.split(";")]
    assert [list(words) for words in commands(line, "")] == [words for words in expected if words]


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_quoted_words_arrive_as_they_were(argvs: list[list[str]]) -> None:
    """Whatever is in them."""
    line = ";".join(shlex.join(argv) for argv in argvs)
    assert [list(words) for words in commands(line, "")] == argvs


@pytest.mark.parametrize("word", ["&&", "||", "|", ">", ">>", "<", "2>&1", "&"])
def test_a_word_for_a_shell_is_a_warning(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No shell reads it: the command gets it for an argument. Quoted it is meant so."""
    assert commands(f"a {word} b", "") == (("a", word, "b"),)
    assert f"has {word} for a word" in capsys.readouterr().err
    commands(f"a '{word}' b", "")
    commands(f"a {word} b", "/bin/sh -c")
    assert capsys.readouterr().err == ""
