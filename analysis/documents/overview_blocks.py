"""The numbers on the first page."""

from collections.abc import Callable

from analysis.documents import nodes_blocks, noel_blocks, noel_later_blocks, other_blocks, small_blocks
from analysis.documents.committed import markdown_rows, paragraph, row, table


def systems() -> str:
    """Each system: paper, command, training time on two cores, our number and the paper's."""
    ours, paper = (_mnist(column) for column in ("test_error_percent", "paper_test_error_percent"))
    single, distilled = (
        other_blocks.paper_error(name, "resnet50", "ImageNet") for name in ("single instance", "distilled from 2")
    )
    alone, apart, snapshots, geometric = (
        other_blocks.poster_error(name) for name in ("single", "FDL (2x)", "SSE", "FGE")
    )
    untaught, taught = (
        _lacaille("results/teaching/tables.md", "student", name)
        for name in ("baseline", "stack 5, cross-entropy, soft labels")
    )
    silent, both = (_lacaille("results/language/tables.md", "level", name) for name in ("baseline", "both"))
    linked, unlinked = (nodes_blocks.together(content) for content in ("labels", "none"))
    lines = [
        [
            "`ensemble`: networks that pull their outputs together",
            "Noel 2017",
            "`make mnist-sweep`",
            f"{noel_blocks.mnist_hours()} h",
            f"MNIST, two networks: {ours[1]} (without collaboration {ours[0]})",
            f"{paper[1]} ({paper[0]})",
        ],
        [
            "`multihead`: heads on one trunk teach each other",
            "Song and Chai 2018",
            "`--grid=song-chai-figure3`",
            "",
            small_blocks.heads_in_short(),
            f"CIFAR-10, ResNet-32: {other_blocks.paper_error('4 heads hierarchical', 'resnet32')} "
            f"({other_blocks.paper_error('single instance', 'resnet32')})",
        ],
        [
            "`distillation`: a student learns from finished teachers",
            "the same",
            "`--system=distillation`",
            "",
            "not measured",
            f"ImageNet: {distilled} (without teacher {single})",
        ],
        [
            "`fdl`: networks learn to differ",
            "Das and Dutta Roy 2022",
            "`--grid=fdl-mnist --dataset=mnist --split=standard`",
            "",
            other_blocks.fdl_in_short(),
            f"CIFAR-10, VGG-16: {apart} ({alone})",
        ],
        [
            "`snapshot`: one network, kept at several moments",
            "Huang et al. 2017, Garipov et al. 2018",
            "`--grid=das-table`",
            "",
            small_blocks.snapshots_in_short(),
            f"CIFAR-10, VGG-16: {snapshots}, {geometric} ({alone})",
        ],
        [
            "`nodes`: nodes with parts of the data teach each other",
            "Lacaille 2018, chapter 2",
            "`make nodes-demo`",
            "",
            f"5,000 CIFAR-10 images, five nodes together: {linked} (without messages {unlinked})",
            f"all images, ten: {_paper_nodes('labels')} ({_paper_nodes('none')})",
        ],
        [
            "`teaching`: a teacher chooses what a small network learns next",
            "the same, chapter 3",
            "`--grid=lacaille-3.1 --dataset=mnist`",
            "",
            f"MNIST, stacks of 5: {taught[0]} (without teacher {untaught[0]})",
            f"{taught[1]} ({untaught[1]})",
        ],
        [
            "`language`: two agents agree on messages",
            "the same, chapter 4",
            "`--grid=lacaille-4.1 --dataset=mnist`",
            "",
            f"MNIST, labels for a linear classifier only: {both[0]} (without communication {silent[0]})",
            f"{both[1]} ({silent[1]})",
        ],
    ]
    return table(
        ["`--system`", "paper", "command or flags", "time", "our test error in %", "the paper's"], lines, words=6
    )


def _mnist(column: str) -> list[str]:
    """Of the plain ensemble and of L2 with weight 0.01 on MNIST."""
    settings = (("Single", "1"), ("L2", "0.01"))
    found = [row("results/mnist/tables.csv", method=key[0], weight=key[1], model="Ens") for key in settings]
    return [f"{float(one[column]):.2f}" for one in found]


def _lacaille(path: str, header: str, name: str) -> tuple[str, str]:
    """Of a row of a table of accuracies in percent: our mean error, and the thesis' error."""
    cells = next(cells for cells in markdown_rows(path, header) if cells[0] == name or cells[0].startswith(f"{name} ("))
    ours, _, _ = cells[1].partition(" ")
    decimals = len(ours.partition(".")[2])
    return f"{100 - float(ours):.{decimals}f}", f"{100 - float(cells[2]):.1f}"


def _paper_nodes(content: str) -> str:
    """The thesis' error in percent of ten nodes together, table 2.1."""
    found = row("analysis/reference/lacaille_2018_nodes.csv", table="2.1", nodes="10", content=content)
    return f"{100 - float(found['collective']):.1f}"


def findings() -> str:
    """What was found, in some lines."""
    return paragraph(
        f"On MNIST (one seed) {noel_blocks.mnist_nearness()}. {noel_later_blocks.in_a_sentence()}",
        noel_blocks.digits_verdicts(),
    )


def speed() -> str:
    """Speed in a line."""
    machines = other_blocks.AMD, other_blocks.INTEL
    (amd, amd_ratio), (intel, intel_ratio) = (other_blocks.images_per_second(each, "float32") for each in machines)
    faster = " and ".join(other_blocks.images_per_second(each, "mixed_bfloat16")[0] for each in machines)
    return paragraph(
        f"Two cores of an AMD EPYC train on {amd} images a second, {amd_ratio} times as many as stock Keras; of an "
        f"Intel Xeon on {intel}, {intel_ratio} times. With `--precision=mixed_bfloat16`: {faster}."
    )


BLOCKS: dict[str, Callable[[], str]] = {"systems": systems, "findings": findings, "speed in a line": speed}
