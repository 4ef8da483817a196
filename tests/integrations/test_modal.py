"""modAL both ways, each of its traps, and scikit-activeml's strategies."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import warm
from modAL.batch import uncertainty_batch_sampling
from modAL.models import ActiveLearner
from modAL.uncertainty import classifier_margin, entropy_sampling, margin_sampling
from modAL.utils.combination import make_query_strategy
from modAL.utils.selection import multi_argmin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from activeclust import strategies
from activeclust.errors import InvalidInput, UnknownName
from activeclust.integrations import modal
from activeclust.integrations.modal import Learner, adapt, as_modal
from activeclust.testing.strategies import StrategyContract, make_state


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestModal(StrategyContract):
    @pytest.fixture(params=modal.names())
    def strategy(self, request):
        return strategies.get(request.param)


class TestPassedAsFunctions(StrategyContract):
    """A modAL strategy is accepted wherever a name is, keyword arguments and all."""

    @pytest.fixture(
        params=[
            entropy_sampling,
            partial(margin_sampling, random_tie_break=True),
            partial(uncertainty_batch_sampling, metric="manhattan"),
            make_query_strategy(classifier_margin, partial(multi_argmin, n_instances=1)),
        ],
        ids=["entropy", "margin, ties at random", "ranked batch, manhattan", "made from parts"],
    )
    def strategy(self, request):
        return strategies.get(request.param)


def test_margin_sampling_takes_the_smallest_margin_of_the_full_posterior():
    state = make_state()
    full = np.sort(state.full_posterior[state.candidates], axis=1)
    best = state.candidates[(full[:, -1] - full[:, -2]).argmin()]
    assert adapt(margin_sampling)(state, 1, rng()).tolist() == [best]


def test_our_names_and_modals_are_told_apart():
    assert strategies.name_of(margin_sampling) == "modal:margin_sampling"
    assert strategies.name_of("modal:margin_sampling") == "modal:margin_sampling"
    with pytest.raises(UnknownName, match="Did you mean 'modal:margin_sampling'"):
        strategies.get("modal:margin_samplng")


# --- the traps, one test each -------------------------------------------------------------------------


def test_trap_teach_and_fit_fail_in_modal_and_work_in_ours():
    X, y = load_iris(return_X_y=True)
    start = np.array([0, 50, 100])
    plain = ActiveLearner(LogisticRegression(max_iter=500), X_training=X[start], y_training=y[start])
    with pytest.raises(TypeError, match="force_all_finite"):
        plain.teach(X[:5], y[:5])
    ours = Learner(LogisticRegression(max_iter=500), X_training=X[start], y_training=y[start])
    ours.teach(X[::10], y[::10])
    assert len(ours.X_training) == 18
    assert ours.score(X, y) > 0.9
    ours.fit(X[::5], y[::5])
    assert len(ours.X_training) == 30
    ours.teach(X[1::5], y[1::5], only_new=True)
    assert len(ours.X_training) == 30


def test_learner_still_refuses_what_cannot_be_taught():
    learner = Learner(LogisticRegression())
    with pytest.raises(ValueError, match="inconsistent"):
        learner.teach(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="NaN"):
        learner.teach(np.full((2, 2), np.nan), np.array([0, 1]))


def test_learner_joins_data_frames():
    pd = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    learner = Learner(LogisticRegression(max_iter=500))
    learner.teach(X[::10], y[::10])
    learner.teach(X[1::10], y[1::10])
    assert isinstance(learner.X_training, pd.DataFrame)
    assert len(learner.X_training) == len(learner.y_training) == 30


def test_trap_a_strategy_is_called_once_a_query_and_two_rows_are_two_rows():
    calls = []

    def counted(state, n, generator):
        calls.append(n)
        return state.candidates[:n]

    X = rng().normal(size=(30, 3))
    learner = Learner(LogisticRegression(), as_modal(counted), X[:4], np.array([0, 1, 0, 1]))
    index, rows = learner.query(X[4:], n_instances=2)
    assert calls == [2]
    assert index.tolist() == [0, 1]
    assert np.array_equal(rows, X[4:6])


def test_trap_bare_indices_are_understood():
    state = make_state()
    for answer in (np.array([3, 1]), [3, 1], (3, 1), (np.array([3, 1]), np.array([0.5, 0.4]))):
        picked = adapt(lambda learner, X, n_instances=1, a=answer: a)(state, 2, rng(5))
        shuffled = state.candidates[rng(5).permutation(len(state.candidates))]
        assert picked.tolist() == shuffled[[3, 1]].tolist()


def test_trap_answers_that_are_no_positions_are_refused():
    for wrong in (np.array([999]), np.array([-1]), np.array([0.5]), np.array([], int)):
        with pytest.raises(InvalidInput, match="position"):
            adapt(lambda learner, X, n_instances=1, w=wrong: (w, w))(make_state(), 1, rng())


def test_trap_the_global_random_state_is_seeded_and_put_back():
    def by_global_state(learner, X, n_instances=1):
        return np.random.permutation(len(X))[:n_instances], None  # noqa: NPY002

    strategy, state = adapt(by_global_state), make_state()
    np.random.seed(3)  # noqa: NPY002
    first = strategy(state, 5, rng(1))
    after = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002
    assert first.tolist() == strategy(state, 5, rng(1)).tolist()
    assert first.tolist() != strategy(state, 5, rng(2)).tolist()


def test_trap_global_state_is_put_back_when_the_strategy_raises():
    def broken(learner, X, n_instances=1):
        raise RuntimeError("mine")

    before = str(np.random.get_state())  # noqa: NPY002
    with pytest.raises(RuntimeError, match="mine"):
        adapt(broken)(make_state(), 1, rng())
    assert str(np.random.get_state()) == before  # noqa: NPY002


def test_trap_answered_rows_are_not_in_the_pool_that_is_shown():
    seen = []

    def look(learner, X, n_instances=1):
        seen.append((X, learner.X_training, learner.predict_proba(X)))
        return np.arange(n_instances), None

    state = make_state(skipped=(7,))
    adapt(look)(state, 1, rng())
    pool, training, posterior = seen[0]
    assert len(pool) == 60 - 3 - 1
    assert len(training) == 3
    assert posterior.shape == (56, 4)
    assert np.allclose(posterior.sum(axis=1), 1)


def test_trap_ranked_batch_names_its_cold_start_row_twice():
    # a row far from the middle of a tight cluster: after the cold start it is asked again in plain modAL
    X = np.zeros((3, 2))
    learner = SimpleNamespace(on_transformed=False, X_training=None, predict_proba=lambda X: np.ones((3, 1)))
    plain, _ = uncertainty_batch_sampling(learner, X, n_instances=3)
    assert len(set(plain.tolist())) < 3
    StrategyContract.ask(adapt(uncertainty_batch_sampling), make_state(anchors=(), distinct=1), 30)


def test_trap_information_density_is_shown_a_part_of_a_large_pool():
    sizes = []

    def look(learner, X, n_instances=1):
        sizes.append(len(X))
        return np.arange(n_instances), None

    adapt(look)(make_state(n_rows=6000), 3, rng())
    assert sizes == [modal.MAX_POOL]


def test_trap_expected_error_does_not_import_and_is_not_offered(tmp_path):
    done = warm.run(["-c", "import modAL.expected_error"], cwd=tmp_path)
    assert done.returncode != 0, "modAL.expected_error imports again: offer it"
    with pytest.raises(UnknownName):
        strategies.get("modal:expected_error_reduction")


def test_rows_that_are_not_in_the_pool_have_no_posterior():
    def makes_rows_up(learner, X, n_instances=1):
        return learner.predict_proba(X + 1)

    with pytest.raises(InvalidInput, match="other rows"):
        adapt(makes_rows_up)(make_state(), 1, rng())


def test_a_committee_needs_passes_and_its_members_differ():
    from dataclasses import replace

    state = make_state()
    learner = modal.PosteriorLearner(state, state.candidates, rng())
    votes = learner.vote_proba(learner.X_pool)
    assert votes.shape == (57, len(learner), 4)
    assert not np.allclose(votes[:, 0], votes[:, 1])
    with pytest.raises(InvalidInput, match="resample"):
        strategies.get("modal:vote_entropy_sampling")(replace(state, resample=None), 1, rng())


# --- ours in modAL's ActiveLearner --------------------------------------------------------------------


@pytest.mark.parametrize("name", strategies.names())
def test_every_strategy_drives_modals_loop(name):
    X, y = load_iris(return_X_y=True)
    X, y = X[::2], y[::2]
    pool = np.arange(len(X))
    learner = Learner(LogisticRegression(max_iter=500), as_modal(name, random_state=1))
    first = np.array(
        [0, 30, 60]
    )  # modAL has no answer to "nothing known": LogisticRegression wants two classes
    learner.teach(X[first], y[first])
    pool = np.delete(pool, first)
    for _ in range(2):
        index, rows = learner.query(X[pool], n_instances=4)
        assert len(set(index.tolist())) == 4
        assert np.array_equal(rows, X[pool[index]])
        learner.teach(rows, y[pool[index]])
        pool = np.delete(pool, index)
    assert len(learner.X_training) == 11
    assert learner.score(X, y) > 0.6


def test_ours_in_an_unfitted_learner_and_in_modals_own():
    X, _ = load_iris(return_X_y=True)
    for kind in (Learner, ActiveLearner):
        index, _ = kind(LogisticRegression(), as_modal("herding")).query(X, n_instances=5)
        assert len(set(index.tolist())) == 5


def test_ours_is_deterministic_under_a_seed_and_caps_at_the_pool():
    X, _ = load_iris(return_X_y=True)
    ask = [
        Learner(LogisticRegression(), as_modal("random", seed)).query(X, n_instances=9)[0]
        for seed in (1, 1, 2)
    ]
    assert ask[0].tolist() == ask[1].tolist() != ask[2].tolist()
    assert len(Learner(LogisticRegression(), as_modal("auto")).query(X[:3], n_instances=5)[0]) == 3
    assert Learner(LogisticRegression(), as_modal("auto")).query(X[:1])[0].tolist() == [0]


def test_ours_sees_sparse_pools_and_refuses_text():
    import scipy.sparse as sp

    X, y = load_iris(return_X_y=True)
    learner = Learner(LogisticRegression(max_iter=500), as_modal("margin"), sp.csr_matrix(X[::50]), y[::50])
    assert len(learner.query(sp.csr_matrix(X), n_instances=3)[0]) == 3
    with pytest.raises(InvalidInput, match="numbers"):
        as_modal("auto")(learner, np.array([["a"], ["b"], ["c"]]))


def test_metrics_come_with_the_rows():
    X, y = load_iris(return_X_y=True)
    learner = Learner(LogisticRegression(max_iter=500), as_modal("margin"), X[::50], y[::50])
    index, _, metrics = learner.query(X, n_instances=4, return_metrics=True)
    assert np.allclose(metrics, 1 - learner.predict_proba(X[index]).max(axis=1))


# --- scikit-activeml ----------------------------------------------------------------------------------


def skactiveml_names() -> list:
    try:
        from activeclust.integrations import skactiveml
    except ImportError:
        reason = "scikit-activeml is not installed (pip install 'activeclust[skactiveml]')"
        return [pytest.param("skactiveml:TypiClust", marks=pytest.mark.skip(reason=reason))]
    return skactiveml.names()


class TestSkactiveml(StrategyContract):
    @pytest.fixture(params=skactiveml_names())
    def strategy(self, request):
        return strategies.get(request.param)


def test_skactiveml_strategies_that_need_more_are_refused():
    pool = pytest.importorskip("skactiveml.pool", reason="scikit-activeml is not installed")
    from activeclust.integrations.skactiveml import adapt

    with pytest.raises(InvalidInput, match="ensemble"):
        adapt(pool.QueryByCommittee())
    with pytest.raises(UnknownName):
        strategies.get("skactiveml:Typiclst")


def test_skactiveml_sees_our_posterior():
    pool = pytest.importorskip("skactiveml.pool", reason="scikit-activeml is not installed")
    from activeclust.integrations.skactiveml import adapt

    state = make_state()
    least = state.candidates[state.full_posterior[state.candidates].max(axis=1).argmin()]
    assert adapt(pool.UncertaintySampling())(state, 1, rng()).tolist() == [least]
