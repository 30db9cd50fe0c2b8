"""Logins: stored passwords, the throttle in invented time, who is remembered."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor import passwords
from supervisor.daemon import access
from supervisor.daemon.access import (
    CHECKS_A_SECOND,
    DELAY_MAX_S,
    FREE_FAILURES,
    REMEMBERED,
    UNIX_DELAY_MAX_S,
    Account,
    Allowance,
    Caller,
    Doorkeeper,
    Login,
    Peer,
    Throttle,
    TooManyAttempts,
    basic_login,
)

QUICK = {"ln": 4, "r": 1, "p": 1}
SHA = "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d"  # of "thepassword"
HERE, THERE = Peer("10.0.0.1", "10.0.0.1"), Peer("10.0.0.2", "10.0.0.2")
LOCAL = Peer("uid 0", "root (pid 1)", 0)


# --- stored passwords --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "right"),
    [
        ("plain", b"plain"),
        ("pläin", "pläin".encode()),
        ("\udcff", b"\xff"),
        (SHA, b"thepassword"),
        (passwords.hash_password(b"s\xe9cret", **QUICK), b"s\xe9cret"),
    ],
    ids=["plain", "accent", "byte", "sha", "scrypt"],
)
def test_passwords(stored: str, right: bytes) -> None:
    assert passwords.matches(stored, right)
    for wrong in (b"", right + b"x", right[:-1], b"x" + right, right + b"\0"):
        assert not passwords.matches(stored, wrong)


def test_a_hash_is_no_password() -> None:
    for stored in (SHA, passwords.hash_password(b"x", **QUICK)):
        assert not passwords.matches(stored, stored.encode())


def test_each_hash_has_its_own_salt_and_the_usual_strength() -> None:
    one, other = (passwords.hash_password(b"x", **QUICK) for _ in range(2))
    assert one != other
    assert passwords.hash_password(b"x").startswith("{scrypt}ln=15,r=8,p=3$")


@given(st.text())
def test_a_stored_text_is_used_or_refused(text: str) -> None:
    for stored in (f"{{SHA}}{text}", f"{{scrypt}}{text}", f"{{scrypt}}ln=4,r=1,p=1${text}"):
        try:
            passwords.check_stored(stored)
        except ValueError:
            assert not passwords.matches(stored, b"x")


@pytest.mark.parametrize(
    "parameters", ["ln=0,r=8,p=1", "ln=25,r=1,p=1", "ln=24,r=8,p=1", "ln=4,r=0,p=1", "ln=4,r=1,p=0"]
)
def test_parameters_out_of_range(parameters: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        passwords.check_stored(f"{{scrypt}}{parameters}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")


# --- headers -----------------------------------------------------------------------------------------


def test_basic_headers() -> None:
    packed = base64.b64encode(b"user:pass:word").decode()
    assert basic_login(f"Basic {packed}") == basic_login(f"bASIC  {packed}") == Login(b"user", b"pass:word")
    assert basic_login("Basic " + base64.b64encode(b"\xff:\0").decode()) == Login(b"\xff", b"\0")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Bearer dTpw",
        "Basic dXNlcg==",
        "Basic é",
        "Basic dTp",
        "Basic " + "dTpw" * 9999,
    ],
)
def test_what_is_no_basic_header(header: str) -> None:
    assert basic_login(header) is None


@given(st.text())
def test_any_header_is_a_login_or_nothing(text: str) -> None:
    basic_login(text)
    basic_login(f"Basic {text}")


# --- the throttle ------------------------------------------------------------------------------------


def test_attempts_wait_longer_and_longer() -> None:
    throttle = Throttle()
    assert [throttle.attempt("a", 100.0) for _ in range(FREE_FAILURES)] == [0.0] * FREE_FAILURES
    now, waits = 100.0, []
    for _ in range(8):
        delay = throttle.attempt("a", now)
        assert delay is not None
        waits.append(delay)
        now += delay
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, DELAY_MAX_S, DELAY_MAX_S]


def test_attempts_at_once_are_no_cheaper() -> None:
    throttle = Throttle()
    given = [throttle.attempt("a", 0.0) for _ in range(1000)]
    served = [delay for delay in given if delay is not None]
    assert served == [0.0] * 5 + [1.0, 3.0, 7.0, 15.0, 31.0]
    assert given[len(served) :] == [None] * (1000 - len(served))
    assert throttle.delay("a", 0.0) == 63.0


def test_a_thousand_guesses_a_second_come_to_few_checks() -> None:
    throttle = Throttle()
    checked = sum(throttle.attempt("a", n / 1000) is not None for n in range(3_600_000))
    assert checked < 80  # in an hour


def test_others_do_not_wait() -> None:
    throttle = Throttle()
    for _ in range(100):
        throttle.attempt("a", 0.0)
    assert throttle.attempt("b", 0.0) == 0.0
    assert throttle.attempt("uid 0", 0.0) == 0.0


def test_a_success_and_time_forgive() -> None:
    throttle = Throttle()
    for _ in range(8):
        throttle.attempt("a", 0.0)
    throttle.succeeded("a")
    assert throttle.attempt("a", 0.0) == 0.0
    for _ in range(8):
        throttle.attempt("b", 0.0)
    assert throttle.delay("b", 1000.0) == 0.0


def test_a_unix_socket_is_never_locked() -> None:
    throttle = Throttle()
    now = 0.0
    for _ in range(1000):
        delay = throttle.attempt("uid 0", now)
        assert delay is not None and delay <= UNIX_DELAY_MAX_S
        now += delay


def test_an_allowance_is_so_many_a_second_and_no_more_is_saved_up() -> None:
    allowance = Allowance(20)
    assert sum(allowance.take(1000.0) for _ in range(100)) == 20
    assert sum(allowance.take(1000.0 + n / 1000) for n in range(10_000)) in range(199, 202)
    assert sum(allowance.take(9000.0) for _ in range(100)) == 20


def test_what_is_remembered_is_bounded() -> None:
    throttle = Throttle()
    for number in range(3 * REMEMBERED):
        throttle.attempt(f"a{number}", 0.0)
    assert len(throttle._attempts) == REMEMBERED


# --- the doorkeeper ----------------------------------------------------------------------------------


CHECKED: list[bytes] = []


class Counted(Account):
    def admits(self, login: Login) -> bool:
        CHECKED.append(login.password)
        return super().admits(login)


def run(work: object) -> None:
    asyncio.run(work)  # type: ignore[arg-type]  # coroutines of the tests below


def test_right_and_wrong() -> None:
    async def work() -> None:
        for stored in ("secret", passwords.hash_password(b"secret", **QUICK)):
            keeper, account = Doorkeeper(), Account("user", stored)
            assert await keeper.admits(account, Login(b"user", b"secret"), HERE)
            assert await keeper.admits(account, Login(b"user", b"secret"), THERE)
            for wrong in (
                Login(b"user", b"other"),
                Login(b"User", b"secret"),
                Login(b"", b""),
                Login(b"user", b""),
            ):
                assert not await keeper.admits(account, wrong, HERE)

    run(work())


def test_a_guesser_delays_nobody_else() -> None:
    async def work() -> None:
        keeper, account = Doorkeeper(), Account("user", passwords.hash_password(b"secret", **QUICK))
        guesses = [
            asyncio.create_task(keeper.admits(account, Login(b"user", b"%d" % n), HERE)) for n in range(100)
        ]
        await asyncio.sleep(0)
        for peer in (THERE, LOCAL):
            assert await asyncio.wait_for(keeper.admits(account, Login(b"user", b"secret"), peer), 20)
        assert not all(task.done() for task in guesses)
        refused = [task for task in guesses if task.done() and isinstance(task.exception(), TooManyAttempts)]
        assert len(refused) == 90
        for task in guesses:
            task.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)

    run(work())


def test_guesses_from_many_addresses_are_few_and_delay_no_remembered_login_and_no_unix_socket() -> None:
    async def work() -> None:
        keeper, account = Doorkeeper(), Counted("user", "secret")
        assert await keeper.admits(account, Login(b"user", b"secret"), HERE)
        CHECKED.clear()
        refused = 0
        for n in range(300):
            try:
                assert not await keeper.admits(account, Login(b"user", b"%d" % n), Peer(f"10.1.0.{n}", ""))
            except TooManyAttempts as error:
                refused += 1
                assert error.retry_s == 1.0
        assert len(CHECKED) + refused == 300
        assert refused > 200 - CHECKS_A_SECOND
        assert await keeper.admits(account, Login(b"user", b"secret"), HERE)
        assert not await keeper.admits(account, Login(b"user", b"guess"), LOCAL)

    run(work())


def test_checks_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who guesses from many addresses and does not stay for the answer leaves no more than so many behind."""
    monkeypatch.setattr(access, "WAITING_MAX", 5)

    async def work() -> None:
        keeper, account = Doorkeeper(), Account("user", passwords.hash_password(b"secret", **QUICK))
        guesses = [
            asyncio.create_task(keeper.admits(account, Login(b"user", b"%d" % n), Peer(f"10.1.0.{n}", "")))
            for n in range(10)
        ]
        await asyncio.sleep(0)
        refused = [task for task in guesses if task.done() and isinstance(task.exception(), TooManyAttempts)]
        assert len(refused) == 5
        assert await keeper.admits(account, Login(b"user", b"secret"), LOCAL)
        await asyncio.gather(*guesses, return_exceptions=True)

    run(work())


def test_the_same_login_at_once_is_one_attempt() -> None:
    async def work() -> None:
        keeper, account = Doorkeeper(), Account("user", passwords.hash_password(b"secret", **QUICK))
        answers = await asyncio.gather(
            *[keeper.admits(account, Login(b"user", b"secret"), HERE) for _ in range(50)]
        )
        assert answers == [True] * 50

    run(work())


def test_a_right_login_is_remembered_for_its_account_only() -> None:
    async def work() -> None:
        keeper = Doorkeeper()
        slow = Counted("user", passwords.hash_password(b"secret", **QUICK))
        CHECKED.clear()
        assert await keeper.admits(slow, Login(b"user", b"secret"), HERE)
        for _ in range(200):
            assert await keeper.admits(slow, Login(b"user", b"secret"), HERE)
        assert CHECKED == [b"secret"]
        assert not await keeper.admits(slow, Login(b"user", b"other"), HERE)
        assert CHECKED == [b"secret", b"other"]
        assert not await keeper.admits(Account("user", "other"), Login(b"user", b"secret"), HERE)

    run(work())


def test_form_tokens_last_a_day_and_are_for_one_purpose() -> None:
    keeper, day = Doorkeeper(), 86400.0
    token = keeper.form_token("a", 10 * day)
    assert keeper.is_form_token(token, "a", 10 * day) and keeper.is_form_token(token, "a", 11 * day)
    assert not keeper.is_form_token(token, "a", 12 * day)
    assert not keeper.is_form_token(token, "b", 10 * day)
    assert not keeper.is_form_token("", "a", 10 * day) and not keeper.is_form_token("\udcff", "a", 10 * day)
    assert not Doorkeeper().is_form_token(token, "a", 10 * day)


def test_roles_include_the_ones_before() -> None:
    assert Caller("x", "admin").may("observer") and Caller("x", "operator").may("operator")
    assert not Caller("x", "observer").may("operator") and not Caller("x", "none").may("observer")
