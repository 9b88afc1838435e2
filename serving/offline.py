"""Changes without model servers: made for those that are started afterwards, or only told of."""

from __future__ import annotations

from contract.client import VersionStatus
from contract.release import ModelRelease
from serving.plan import words
from serving.plan.goals import settled
from serving.plan.reconcile import Load, Retire, Steer, next_action
from serving.release_store import ReleaseStore
from serving.replicas import ReplicaStatus
from serving.rolling import MakeGoal
from serving.tables import Say


def bring(store: ReleaseStore, name: str, make_goal: MakeGoal, say: Say) -> ModelRelease:
    """Writes the final state at once. Raises GoalError."""
    former = settled(store.model(name))
    goal = make_goal(former)
    store.write_model(name, goal.end)
    say(words.outcome(name, former, goal))
    return goal.end


def dry_run(store: ReleaseStore, name: str, make_goal: MakeGoal, say: Say) -> None:
    """Says what would be done if all goes well; changes nothing. Raises GoalError."""
    stored = model = store.model(name)
    goal = make_goal(settled(stored))
    loaded = ReplicaStatus("", tuple(VersionStatus(version, "AVAILABLE") for version in goal.end.versions))
    while isinstance(action := next_action(model, goal, [loaded]), Load | Steer | Retire):
        model = action.model
        match action:
            case Load(_, versions):
                say(f"{name} {words.listed(versions)} would be loaded beside: {words.listed(stored.versions)}.")
            case Retire(_, versions):
                say(f"{name} {words.listed(versions)} would be retired.")
    say(f"At the end: {words.outcome(name, settled(stored), goal)}")
