"""What an operator sees and orders by HTTP, with toys on real sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from gateway_material import PERSONAS as LOADED
from gateway_material import desk, run, toy_at
from web_material import PERSONAS, asking, operated, web_of

from pommai.errors import FleetError
from pommai.gateway.archive import Alert
from pommai.gateway.fleet.embedded import EmbeddedFleet
from pommai.gateway.web.routes import PAGES
from pommai.protocol import messages as m

ALERT = m.GuardianAlert("high", "asked for help", "2026-01-01T00:00:00Z", id="s1")


def test_the_first_page_lists_all_and_each_of_them_is_there() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            assert (await client.get("/")).json() == {"pages": PAGES}
            for page in PAGES:
                method, path = page.split()
                if path != "/alerts/stream":
                    answer = await client.request(method, path.replace("{id}", "robo-rex"))
                    assert answer.status_code in (200, 400), page  # 400: it wants to be told more

    run(test())


def test_sessions_tell_who_is_connected() -> None:
    async def test() -> None:
        async with operated() as (gateway, client):
            assert (await client.get("/sessions")).json() == {"sessions": []}
            async with toy_at(gateway, "desk-7"):
                (session,) = gateway.sessions
                row = {"device": "desk-7", "toy": "pommai-bear", "session": session.id, "gateway": "gateway"}
                assert (await client.get("/sessions")).json() == {"sessions": [row]}

    run(test())


def test_a_persona_is_set_for_all_or_for_one_and_toys_are_told() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), toy_at(gateway, "desk-1") as one, toy_at(gateway, "desk-2") as two:
            answer = await client.put("/personas/active", json={"toyId": "robo-rex", "deviceId": "desk-1"})
            assert answer.json() == {"toyId": "robo-rex", "deviceId": "desk-1", "asked": 1}
            assert (await one.expect(m.SwitchToy)).toy_id == "robo-rex"
            bear, rex = (await client.get("/personas")).json()["personas"]
            assert bear == {"id": "pommai-bear", "name": "Pommai Bear", "activeForAll": False, "activeFor": []}
            assert rex == {"id": "robo-rex", "name": "Robo Rex", "activeForAll": False, "activeFor": ["desk-1"]}
            answer = await client.put("/personas/active", json={"toyId": "robo-rex"})
            assert answer.json()["deviceId"] is None
            assert (await two.expect(m.SwitchToy)).toy_id == "robo-rex"
            bear, rex = (await client.get("/personas")).json()["personas"]
            assert (bear["activeForAll"], rex["activeForAll"], rex["activeFor"]) == (False, True, [])

    run(test())


def test_a_persona_is_shown_as_toys_are_told_of_it() -> None:
    async def test() -> None:
        async with operated() as (_, client):
            shown = (await client.get("/personas/robo-rex")).json()
            assert shown["profile"]["name"] == LOADED["robo-rex"].profile.name
            assert shown["profile"]["guardian_settings"]["allow_uploads"] is False
            assert shown["pi_config"] == dict(LOADED["robo-rex"].pi_config)

    run(test())


@pytest.mark.parametrize(
    ("order", "status", "words"),
    [
        ({"toyId": "roborex"}, 404, "there is no toy 'roborex' (did you mean 'robo-rex'?)"),
        ({}, 400, "'toyId' is missing"),
        ({"toyId": 3}, 400, "'toyId' must be a text"),
        ({"toyId": ""}, 400, "'toyId' must have 1 to 500 characters"),
        ({"toyId": "x" * 501}, 400, "'toyId' must have 1 to 500 characters"),
        ({"toyId": "robo-rex", "device": "desk-1"}, 400, "'device' is not known here"),
        (["robo-rex"], 400, "what you sent is no JSON object"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_and_changes_nothing(order: object, status: int, words: str) -> None:
    async def test() -> None:
        async with operated() as (_, client):
            answer = await client.put("/personas/active", json=order)
            assert (answer.status_code, answer.json()["error"]) == (status, words)
            for persona in (await client.get("/personas")).json()["personas"]:
                assert not persona["activeForAll"]

    run(test())


def test_toys_are_paused_let_go_on_and_made_quieter() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), toy_at(gateway) as toy:
            assert (await client.post("/toys/pause", json={"time": "5m", "message": "bed"})).json() == {"asked": 1}
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction", 300.0, "bed")
            assert (await client.post("/toys/pause")).json() == {"asked": 1}
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("pause_interaction")
            assert (await client.post("/toys/resume")).json() == {"asked": 1}
            assert await toy.expect(m.SafetyOverride) == m.SafetyOverride("resume")
            assert (await client.post("/toys/volume", json={"percent": 40})).json() == {"percent": 40, "told": 1}
            assert await toy.expect(m.Command) == m.Command("volume", {"percent": 40})
            answer = await client.post("/toys/volume", json={"percent": 0, "deviceId": "desk-2"})
            assert answer.json() == {"percent": 0, "told": 0}
            for word in ("restart", "reset"):
                assert (await client.post(f"/toys/{word}", json={"deviceId": "desk-1"})).json() == {"asked": 1}
                assert await toy.expect(m.Command) == m.Command(word)
            for path, order in (
                ("/toys/restart", {}),
                ("/toys/reset", {}),
                ("/toys/reset", {"deviceId": None}),
                ("/toys/pause", {"time": "soon"}),
                ("/toys/pause", {"time": "5m", "message": "x" * 400}),
                ("/toys/volume", {"percent": 101}),
                ("/toys/volume", {"percent": -1}),
                ("/toys/volume", {"percent": True}),
                ("/toys/volume", {"percent": "40"}),
                ("/toys/resume", {"now": "please"}),
            ):
                assert (await client.post(path, json=order)).status_code == 400, order

    run(test())


def test_personas_are_read_again_and_a_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    async def test() -> None:
        file = tmp_path / "personas.yaml"
        file.write_text(PERSONAS.read_text().replace("name: Robo Rex", "name: Rex"))
        async with desk() as gateway, web_of(gateway, file) as web, asking(web) as client:
            async with toy_at(gateway, toy="robo-rex") as toy:
                assert (await client.post("/reload")).json() == {"file": str(file), "told": 1}
                assert (await toy.expect(m.ToyConfigUpdate)).config.name == "Rex"
            file.write_text("personas: 3\n")
            answer = await client.post("/reload")
            assert answer.status_code == 422
            assert f"{file}:1:11: error:" in answer.json()["error"]
            assert (await client.get("/personas/robo-rex")).json()["profile"]["name"] == "Rex"

    run(test())


def test_what_toys_took_of_their_settings_is_shown_in_their_own_words() -> None:
    async def test() -> None:
        async with operated() as (gateway, client), toy_at(gateway) as toy:
            silent = {"device": "desk-1", "toy": "pommai-bear", "reported": False}
            assert (await client.get("/config")).json() == {"toys": [silent]}
            refused = (m.RefusedSetting("X\x1b[2J", "is not known"),)
            await toy.send(m.PiConfigReport({"HOTWORD_THRESHOLD": 0.5}, refused))
            while not (told := (await client.get("/config")).json()["toys"][0])["reported"]:
                pass
            assert told == {
                "device": "desk-1",
                "toy": "pommai-bear",
                "reported": True,
                "applied": {"HOTWORD_THRESHOLD": 0.5},
                "refused": [{"key": "X\x1b[2J", "reason": "is not known"}],
            }
            assert b"\x1b" not in (await client.get("/config")).content

    run(test())


def test_alerts_are_listed_for_all_or_for_one_the_newest_last() -> None:
    async def test() -> None:
        async with operated() as (gateway, client):
            for device in ("desk-1", "desk-2"):
                async with toy_at(gateway, device) as toy:
                    await toy.send(ALERT)
                    await toy.send(m.Ping("now"))
                    await toy.expect(m.Pong)
            alerts = (await client.get("/alerts")).json()["alerts"]
            assert [alert["device"] for alert in alerts] == ["desk-1", "desk-2"]
            assert (await client.get("/alerts?limit=1")).json()["alerts"] == alerts[1:]
            (one,) = (await client.get("/alerts", params={"device": "desk-1"})).json()["alerts"]
            assert one == {**alerts[0], "severity": "high", "reason": "asked for help"}
            assert (await client.get("/alerts?device=%ED%A0%80%00")).json() == {"alerts": []}
            for wrong in ("0", "1001", "many", "-1", "٣", "1" * 5000):
                assert (await client.get("/alerts", params={"limit": wrong})).status_code == 400

    run(test())


def test_alerts_of_other_gateways_are_listed_once_and_what_is_missing_is_said() -> None:
    class Shared(EmbeddedFleet):
        """A fleet that remembers what its gateways have told."""

        remembered: tuple[Alert, ...] = ()
        is_away = False

        async def alerts(self) -> tuple[Alert, ...]:
            if self.is_away:
                raise FleetError("Redis is away")
            return self.remembered

    async def test() -> None:
        fleet = Shared()
        async with operated(fleet=fleet) as (gateway, client):
            told: list[Alert] = []
            gateway.alerts.listen(told.append)
            async with toy_at(gateway) as toy:
                await toy.send(ALERT)
                await toy.send(m.Ping("now"))
                await toy.expect(m.Pong)
            (own,) = told
            early = Alert("2026-01-01T00:00:00.000+00:00", "desk-2", "low", "elsewhere")
            late = Alert("2999-01-01T00:00:00.000+00:00", "desk-2", "low", "elsewhere")
            fleet.remembered = (early, own, late)  # another gateway of the same data file has told of ours
            alerts = (await client.get("/alerts")).json()["alerts"]
            assert [alert["received"] for alert in alerts] == [early.received, own.received, late.received]
            assert (await client.get("/alerts?limit=1")).json()["alerts"] == alerts[2:]
            assert (await client.get("/alerts?device=desk-1")).json()["alerts"] == alerts[1:2]
            fleet.is_away = True
            said = (await client.get("/alerts")).json()
            assert said == {"alerts": alerts[1:2], "missing": "those of other gateways: Redis is away"}

    run(test())
