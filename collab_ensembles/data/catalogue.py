"""Facts on each data set that are known before it is read. Imports nothing heavy."""

import dataclasses
import os
import zipfile
from collections.abc import Mapping

from collab_ensembles.data.folder_reading import AS_IT_IS, FolderReading
from collab_ensembles.errors import ConfigError, DataError, did_you_mean

SPLITS = ("report", "standard", "author", "validation")


@dataclasses.dataclass(frozen=True)
class Composition:
    """How a split is made from the parts that a source delivers.

    The parts named by `train` are pooled in digest order, or in the author's order. The test examples are the pooled
    parts named by `test`. If `test` is empty, they are the last `cut` examples of the training pool.
    """

    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    cut: int = 0


@dataclasses.dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes:
      name: the value of `--dataset`.
      label: the name in files and directories, as in the reference code.
      image_shape: (height, width, channels).
      label_names: the names of the labels 0, 1, ...
      sizes: the examples of each part; approximate where `digests` has no value and they are not `exact`.
      digests: the content digests that are known beforehand, of parts and of parts pooled for a split.
      report: the split of the published tables.
      standard: the official split.
      author: the split of the published tables with the author's own images in his order, see `data.author_order`; None
        where his order is not known.
      epochs: the length of the published training; 30 for data sets that are not in the report.
      mirrored: whether the author's augmentation flips the images too.
      urls: official files; their host must answer before they are fetched.
      builder: the name in tensorflow-datasets, if it is another one.
      exact: whether a source must deliver these sizes, although no digest is known.
      transposed: whether the source has rows and columns of the images exchanged; here they are upright.
    """

    name: str
    label: str
    image_shape: tuple[int, int, int]
    label_names: tuple[str, ...]
    sizes: Mapping[str, int]
    digests: Mapping[str, str]
    report: Composition
    standard: Composition
    author: Composition | None = None
    epochs: int = 30
    mirrored: bool = False
    urls: tuple[str, ...] = ()
    builder: str = ""
    exact: bool = False
    transposed: bool = False

    def composition(self, split: str) -> Composition:
        """The composition behind a split; `validation` is cut from the report's training part."""
        return {"standard": self.standard, "author": self.author or self.report}.get(split, self.report)


_DIGITS = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
# The sounds that the ten characters stand for.
_KUZUSHIJI = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
# Of the other small letters, the capitals look the same, and are one class with them.
_BALANCED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
NOTMNIST_URL = "http://yaroslavvb.com/upload/notMNIST/"
_TRAIN_TEST = Composition(("train",), ("test",))
# The reference code pools, permutes and cuts MNIST: this is not the official split.
_CUT_MNIST = Composition(("train", "test"), cut=10_000)

_ENTRIES = (
    Entry(
        name="digits",
        label="digits",
        image_shape=(8, 8, 1),
        label_names=_DIGITS,
        sizes={"all": 1797},
        digests={"all": "42666115be1f854f45365500b5fd41cf4d634c0fbe4ef14d6acf584fd43d4246"},
        report=Composition(("all",), cut=360),
        standard=Composition(("all",), cut=360),
    ),
    Entry(
        name="mnist",
        label="MNIST",
        image_shape=(28, 28, 1),
        label_names=_DIGITS,
        sizes={"train": 60_000, "test": 10_000},
        digests={
            "train": "3655811c0e1223700a4714a92a51f55bd215ed7dc1fa2baa4326a2b58042d82d",
            "test": "634538fb34c5277fce98470b8b285d1e8419eb87f328da42ef1faf690d2c3911",
            "train+test": "211c44732b21b49dcee3393c4c23e32fb3726964612715c16242f87231d975bd",
        },
        report=_CUT_MNIST,
        standard=_TRAIN_TEST,
        author=_CUT_MNIST,
        urls=("https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz",),
    ),
    Entry(
        name="fashion_mnist",
        label="FashionMNIST",
        image_shape=(28, 28, 1),
        label_names=_FASHION,
        sizes={"train": 60_000, "test": 10_000},
        digests={
            "train": "0c69d5cdeb902b69084012f812f066de080317bb3c64f43ca87f910d8ec86906",
            "test": "90c92c0507755a7d443edde8297ce4d0f131e42884e2e87e7fc9b81ffe215258",
        },
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        urls=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",),
    ),
    Entry(
        name="cifar10",
        label="CIFAR10",
        image_shape=(32, 32, 3),
        label_names=_CIFAR10,
        sizes={"train": 50_000, "test": 10_000},
        digests={
            "train": "d59acf989e068e709ce686cda292672c7b212c08d29d3d3e6d8c3aa99eba6a85",
            "test": "899683d46c3a8c66fd56e1af12202e69fe5a4517be10b0f68e04c78fe585c57c",
        },
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        author=_TRAIN_TEST,
        mirrored=True,
        urls=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    ),
    Entry(
        name="cifar100",
        label="CIFAR100",
        image_shape=(32, 32, 3),
        label_names=tuple(str(label) for label in range(100)),
        sizes={"train": 50_000, "test": 10_000},
        digests={},
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        mirrored=True,
        urls=("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    ),
    Entry(
        name="notmnist",
        label="notMNIST",
        image_shape=(28, 28, 1),
        label_names=tuple("ABCDEFGHIJ"),
        sizes={"train": 500_000, "train_rest": 29_000, "test": 10_000, "test_rest": 8_724},
        digests={},
        report=_TRAIN_TEST,
        standard=Composition(("train", "train_rest"), ("test", "test_rest")),
        epochs=15,
        urls=(NOTMNIST_URL + "notMNIST_small.tar.gz", NOTMNIST_URL + "notMNIST_large.tar.gz"),
    ),
    Entry(
        name="notmnist/small",
        label="notMNIST_small",
        image_shape=(28, 28, 1),
        label_names=tuple("ABCDEFGHIJ"),
        sizes={"train": 14_581, "test": 3_649},
        digests={
            "train": "aa0964c993cb7149666df8b857b480542c7386c99e4f0c947b95a294c938339e",
            "test": "bea57a21c02ef333999629b3e9e181be70dfd5d4a3c218e23b0409d96ef82308",
        },
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        epochs=15,
        urls=(NOTMNIST_URL + "notMNIST_small.tar.gz",),
    ),
    Entry(
        name="svhn",
        label="SVHN",
        image_shape=(32, 32, 3),
        label_names=_DIGITS,
        sizes={"train": 73_257, "test": 26_032},
        digests={},
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        urls=("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",),
        builder="svhn_cropped",
        exact=True,
    ),
    Entry(
        name="kmnist",
        label="KMNIST",
        image_shape=(28, 28, 1),
        label_names=_KUZUSHIJI,
        sizes={"train": 60_000, "test": 10_000},
        digests={},
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        urls=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-images-idx3-ubyte.gz",),
        exact=True,
    ),
    Entry(
        name="emnist/balanced",
        label="EMNIST_balanced",
        image_shape=(28, 28, 1),
        label_names=_BALANCED,
        sizes={"train": 112_800, "test": 18_800},
        digests={},
        report=_TRAIN_TEST,
        standard=_TRAIN_TEST,
        urls=("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
        exact=True,
        transposed=True,
    ),
)

CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def is_file(name: str) -> bool:
    """Whether `--dataset` names an .npz file of the user."""
    return name.endswith(".npz")


def is_folder(name: str) -> bool:
    """Whether it names a folder of the user: an absolute path, or a folder that is there."""
    if name in CATALOGUE or is_file(name):
        return False
    return os.path.isabs(os.path.expanduser(name)) or os.path.isdir(name)


def is_own(name: str) -> bool:
    """Whether it names data of the user and not a data set of the catalogue."""
    return is_file(name) or is_folder(name)


def resolve(name: str) -> str:
    """The normal form of `--dataset`: paths are absolute, with `~` expanded."""
    return os.path.abspath(os.path.expanduser(name)) if is_own(name) else name


def is_same(one: str, other: str) -> bool:
    """Whether two values of `--dataset` name the same data; a path may be written in different ways."""
    return resolve(one) == resolve(other)


def check_name(name: str) -> None:
    """Raises ConfigError if `name` is not in the catalogue and does not name an .npz file or a folder."""
    if name not in CATALOGUE and not is_own(name):
        meant = did_you_mean(name, CATALOGUE)
        raise ConfigError(
            f"unknown data set {name!r}; allowed: {', '.join(CATALOGUE)}, the path of an .npz file with x_train, "
            f"y_train, x_test and y_test, or of a folder with a folder of images for each class{meant}"
        )


def check_split(split: str, dataset: str) -> None:
    """Raises ConfigError if there is no such split, or not of this data set."""
    if split not in SPLITS:
        raise ConfigError(f"unknown split {split!r}; allowed: {', '.join(SPLITS)}")
    if split == "author" and (is_own(dataset) or CATALOGUE[dataset].author is None):
        known = " and ".join(name for name, entry in CATALOGUE.items() if entry.author)
        others = ", ".join(other for other in SPLITS if other != split)
        raise ConfigError(
            f"--split=author: the author's order is known of {known}, not of {dataset}; allowed: {others}"
        )


def label(name: str) -> str:
    """The name of a data set in files and directories."""
    if is_own(name):
        base = os.path.basename(resolve(name))
        stem = os.path.splitext(base)[0] if is_file(name) else base
        return "".join(c if c.isalnum() or c in "-." else "-" for c in stem) or "folder"
    return CATALOGUE[name].label


def label_names(name: str, classes: int) -> tuple[str, ...]:
    """The names of the classes of a data set; of the user's own data, their numbers."""
    return CATALOGUE[name].label_names if name in CATALOGUE else tuple(map(str, range(classes)))


def default_epochs(name: str) -> int:
    """The epochs of the published training."""
    return CATALOGUE[name].epochs if name in CATALOGUE else 30


def is_mirrored(name: str) -> bool:
    """Whether the author's augmentation flips the images of a data set left to right."""
    return name in CATALOGUE and CATALOGUE[name].mirrored


@dataclasses.dataclass(frozen=True)
class Description:
    """Facts for checking a configuration before the data are read.

    Attributes:
      image_shape: (height, width, channels).
      num_train: training examples, before `--train_limit`.
    """

    image_shape: tuple[int, int, int]
    num_train: int


def describe(name: str, split: str, reading: FolderReading = AS_IT_IS) -> Description:
    """Shape and size of a data set, from the catalogue, from the headers of the user's file, or from a folder.

    Raises:
      ConfigError: the user's file or folder does not exist.
      DataError: the user's file is not an archive of four arrays, or the folder cannot be read.
    """
    if is_folder(name):
        image_shape, num_train = _folder_shape(resolve(name), reading)
    elif is_file(name):
        shape = _npz_image_shape(resolve(name))
        num_train = shape[0]
        height, width, channels = shape[1:]
        image_shape = (height, width, channels)
    else:
        entry = CATALOGUE[name]
        composition = entry.composition(split)
        num_train = sum(entry.sizes[part] for part in composition.train) - composition.cut
        image_shape = entry.image_shape
    return Description(image_shape, num_train - validation_size(split, num_train))


def validation_size(split: str, num_train: int) -> int:
    """The number of training examples that are used as test examples: the last tenth, or none."""
    return num_train // 10 if split == "validation" else 0


def _folder_shape(path: str, reading: FolderReading) -> tuple[tuple[int, int, int], int]:
    from collab_ensembles.data import folder

    if not os.path.isdir(path):
        raise ConfigError(f"--dataset={path}: no such folder; give a folder of images or one of {', '.join(CATALOGUE)}")
    images = folder.examples(path, reading).train.images
    height, width, channels = images.shape[1:]
    return (height, width, channels), len(images)


def _npz_image_shape(path: str) -> tuple[int, ...]:
    from collab_ensembles.data import npz

    if not os.path.exists(path):
        raise ConfigError(f"--dataset={path}: no such file; give an .npz file or one of {', '.join(CATALOGUE)}")
    try:
        with zipfile.ZipFile(path) as archive:
            for name in ("y_train", "x_test", "y_test"):
                archive.getinfo(f"{name}.npy")
            shape, _ = npz.header(archive, "x_train")
    except Exception as error:  # Damaged bytes can raise nearly any error.
        raise DataError(f"{path}: not an .npz file with x_train, y_train, x_test and y_test ({error})") from error
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or 0 in shape:
        raise DataError(
            f"{path}: x_train has the shape {shape}; allowed: (examples, height, width) or "
            "(examples, height, width, channels), none of them 0"
        )
    return tuple(int(size) for size in shape)
