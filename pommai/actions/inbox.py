"""What comes from the server, turned into events of the toy. Nothing here acts: the chart decides."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pommai.actions.body import Body
from pommai.actions.safety import raise_alarm, record_incident
from pommai.events import Event
from pommai.protocol.messages import (
    NOTE,
    Command,
    DownAudio,
    ErrorMessage,
    Message,
    PiConfigUpdate,
    SafetyOverride,
    SwitchToy,
    SyncAck,
    TextResponse,
    ToyConfig,
    ToyConfigUpdate,
    ToyProfile,
)

logger = logging.getLogger(__name__)

_NOT_ABOUT_A_TURN: Final = frozenset(("AUTH_FAILED", "BAD_MESSAGE", "RATE_LIMITED"))
"""Error codes that, unless they name a turn, complain about a message or the connection: no turn fails by them."""


class Inbox:
    """Implements the port LinkListener for one toy."""

    def __init__(self, toy: Body) -> None:
        self._toy = toy

    def on_connecting(self) -> None:
        self._toy.post(Event("link.connecting"))

    def on_up(self, session: str, server_time: str | None = None) -> None:
        self._toy.clock.hint(server_time)
        self._toy.connections += 1
        self._toy.reached.set()
        self._toy.unreachable.clear()
        self._toy.post(Event("link.up", {"session": session}))

    def on_down(self, reason: str) -> None:
        self._toy.drops += self._toy.reached.is_set()
        self._toy.reached.clear()
        self._toy.unreachable.set()
        for waiter in self._toy.acks.values():
            if not waiter.done():
                waiter.set_result(None)  # what the server has to say comes over no other connection
        self._toy.post(Event("link.down", {"reason": reason}))

    def on_audio(self, audio: DownAudio) -> None:
        """Keep a piece of the current turn's answer; pieces of any other turn are dropped."""
        turn = self._toy.turn
        if audio.turn != turn.id or not turn.is_with_server:
            return
        turn.reply.push(audio)
        if turn.reply.frames == 1:
            self._toy.mark("first_reply_frame", turn=turn.id)
            self._toy.post(Event("reply.started", turn=turn.id))

    def on_message(self, message: Message) -> None:
        match message:
            case ErrorMessage():
                self._failed(message)
            case TextResponse():
                self._told(message)
            case ToyConfig(config=profile) | ToyConfigUpdate(config=profile):
                self._configured(profile)
            case SwitchToy(toy_id=toy_id, reason=reason):
                self._toy.post(Event("toy.switch", {"toy_id": toy_id, "reason": reason}))
            case SafetyOverride(action="resume"):
                self._toy.post(Event("safety.resume"))
            case SafetyOverride(duration=seconds, message=words):
                self._toy.post(Event("safety.pause", {"seconds": seconds, "message": words}))
            case SyncAck(batch=batch):
                waiter = self._toy.acks.get(batch)
                if waiter is not None and not waiter.done():
                    waiter.set_result(message)
            case PiConfigUpdate(payload=payload):
                self._toy.offered_configuration = payload
                self._toy.post(Event("config.offered"))
            case Command(name="volume", args=args):
                self._toy.post(Event("volume.asked", {"percent": args.get("percent")}))
            case Command(name="play", args=args):
                self._toy.post(Event("play.asked", {"sound": args.get("sound")}))
            case Command(name="stop" | "reload" | "restart" as name):
                self._toy.post(Event(f"{name}.asked"))
            case Command(name="reset"):
                self._toy.reset_asked = True
                self._toy.post(Event("reset.asked"))
            case Command(name="update", args=args):
                self._toy.offer_update(args)
            case _:
                logger.debug("message not for this toy", extra={"type": type(message).__name__})

    def _told(self, answer: TextResponse) -> None:
        """Words of the turn, the child's and the toy's; what is not for this child is not said."""
        toy, turn = self._toy, self._toy.turn
        toy.mark("reply_text", turn=answer.turn, text=answer.text)
        if answer.turn != turn.id or not turn.is_with_server:
            return
        turn.user_text = answer.user_text or turn.user_text
        touched = toy.answerer.forbids(answer.text, toy.listener)
        if touched is None:
            turn.reply_text = f"{turn.reply_text} {answer.text}".strip()
        else:
            turn.blocked, words = touched
            reason = f"the server's answer was held back: {turn.blocked}: {', '.join(words)}"
            raise_alarm(toy, "medium", reason, answer.text)
            toy.post(Event("reply.blocked", {"category": turn.blocked}, turn.id))
        if answer.user_text:
            self._overheard(answer.user_text)

    def _overheard(self, words: str) -> None:
        """What the child said to the server counts as what it says to the toy alone."""
        toy = self._toy
        helps = toy.answerer.asks_for_help(words)
        if helps is not None:
            severity, why = helps
            raise_alarm(toy, severity, f"asks for help: {', '.join(why)}", words)
            return
        touched = toy.answerer.forbids(words, toy.listener)
        if touched is None:
            return
        category, why = touched
        reason = f"{category}: {', '.join(why)}"
        seconds = toy.answerer.note_violation(category, asyncio.get_running_loop().time())
        if seconds is None:
            record_incident(toy, NOTE, reason, words)
            return
        pause = toy.answerer.pause_words(toy.listener)
        raise_alarm(toy, pause.alert or "high", reason, words)
        toy.post(Event("safety.pause", {"seconds": seconds, "message": pause.reply}))

    def _configured(self, profile: ToyProfile) -> None:
        toy = self._toy
        if profile.toy_id not in (toy.toy_id, toy.wanted_toy):
            logger.warning("configuration of another toy ignored", extra={"toy": profile.toy_id})
            return
        toy.offered = profile
        toy.post(Event("toy.loaded", {"toy_id": profile.toy_id}))

    def _failed(self, error: ErrorMessage) -> None:
        """A turn has failed if the error names it; an error that names none may be of the turn that was sent last."""
        toy = self._toy
        logger.warning("server error", extra={"code": error.code, "words": error.message})
        named = error.details.get("turn")
        if isinstance(named, int):
            failed = toy.turn.id if named == toy.turn.id else 0
        elif error.code == "TOY_NOT_FOUND":
            wanted = toy.wanted_toy or toy.toy_id
            toy.post(Event("toy.load_failed", {"toy_id": wanted, "reason": error.message}))
            return
        else:
            failed = toy.turn.id if toy.turn.sent and error.code not in _NOT_ABOUT_A_TURN else 0
        if failed and toy.turn.is_with_server:
            toy.post(Event("reply.failed", {"code": error.code, "message": error.message}, failed))
