from components.core.page import figures_page


def test_a_page_shows_every_figure_and_runs_nothing_that_a_name_may_hold() -> None:
    page = figures_page("<b>", {"loss": 1.234567, "a<b": 12345.0}, "Means & more.")
    assert "<title>&lt;b&gt;</title>" in page
    assert "<h1>&lt;b&gt;</h1><p>Means &amp; more.</p>" in page
    assert "<tr><th>loss</th><td>1.2346</td></tr>" in page
    assert "<tr><th>a&lt;b</th><td>12,345</td></tr>" in page
    assert "<p>" not in figures_page("Reward model", {})
