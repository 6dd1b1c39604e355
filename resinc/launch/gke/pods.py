"""What a sweep asks of a Kubernetes cluster on GKE, checked before anything is written."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from resinc.errors import InputError

BUCKET = "gs://"
CHIPS = 4  # Of a TPU host, unless its slice is smaller or --chips says otherwise.
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_QUANTITY = r"\d+(\.\d+)?([KMGT]i?)?"


@dataclass(frozen=True)
class Pods:
    """Of each cell.

    Attributes:
      image: of the container, with resinc installed in it.
      volume: gs://BUCKET, or the name of a persistent volume claim that many hosts may write.
      mount: folder where that volume is on this machine, and is put in the pods: paths are the
        same in both.
      namespace: "": that of kubectl's context.
      accelerator: GKE's name of the GPU or TPU, e.g. "nvidia-l4" or "tpu-v5-lite-podslice"; "":
        CPUs alone.
      topology: of the TPU slice that one cell takes, e.g. "2x4".
      chips: of each TPU host; 0: CHIPS, or the whole slice where that is smaller.
      memory: of each host, e.g. "32Gi"; "": the cluster's default.
      spot: on nodes that Google may take away, for less money.
      service_account: that may use the bucket; "": the namespace's default.
      kueue: local queue of Kueue that admits the cells; "": none.
      selectors: further labels of the nodes, e.g. "cloud.google.com/gke-nodepool=v5e".
      manifests: folder that takes the manifests, where nothing is to be submitted; "": submit.
    """

    image: str = ""
    volume: str = ""
    mount: str = ""
    namespace: str = ""
    accelerator: str = ""
    topology: str = ""
    chips: int = 0
    memory: str = ""
    spot: bool = False
    service_account: str = ""
    kueue: str = ""
    selectors: tuple[str, ...] = ()
    manifests: str = ""

    @property
    def tpu(self) -> bool:
        return self.accelerator.startswith("tpu")

    @property
    def slice_chips(self) -> int:
        return math.prod(int(side) for side in self.topology.split("x"))

    @property
    def host_chips(self) -> int:
        return self.chips or min(CHIPS, self.slice_chips)

    def hosts(self, nodes: int) -> int:
        """That one cell takes; `nodes`: as asked for, where the topology does not say it."""
        return self.slice_chips // self.host_chips if self.tpu else nodes

    def check(self, root: Path, nodes: int, gpus: int) -> None:
        """Check what can be told without a cluster.

        Args:
          root: folder of the sweep, absolute.
          nodes: --nodes.
          gpus: --gpus, of each node.

        Raises:
          InputError: quotes the option and the rule.
        """
        self._check_needed(root)
        self._check_form()
        if nodes < 1:
            raise InputError(f"--nodes={nodes} is not at least 1")
        if self.tpu:
            self._check_slice(nodes, gpus)
            return
        if self.topology or self.chips:
            given = f"--topology={self.topology}" if self.topology else f"--chips={self.chips}"
            raise InputError(f"{given} is of a TPU: give --accelerator=tpu-...")
        if bool(self.accelerator) != bool(gpus):
            raise InputError(
                f"--accelerator={self.accelerator} needs the number of GPUs of each node, e.g. "
                "--gpus=1"
                if self.accelerator
                else f"--gpus={gpus} needs the kind of GPU, e.g. --accelerator=nvidia-l4"
            )

    def _check_needed(self, root: Path) -> None:
        needed = {
            "image": "a container image with resinc in it, e.g. REGION-docker.pkg.dev/PROJECT/R/I",
            "volume": "what all hosts write their runs to: gs://BUCKET, or the name of a claim",
            "mount": "the folder where that volume is mounted on this machine, e.g. /mnt/resinc",
        }
        for name, what in needed.items():
            if not getattr(self, name).strip():
                raise InputError(f"--launcher=gke needs --{name}: {what}")
        mount = Path(self.mount)
        if not mount.is_absolute() or mount == Path("/"):
            raise InputError(f"--mount={self.mount} is not the absolute path of a folder below /")
        if not root.is_relative_to(mount):
            raise InputError(
                f"--root={root} does not lie in --mount={self.mount}: the hosts could not see it"
            )

    def _check_form(self) -> None:
        named = {"namespace": self.namespace, "service-account": self.service_account}
        named |= {"kueue": self.kueue}
        if not self.volume.startswith(BUCKET):
            named["volume"] = self.volume
        for name, value in named.items():
            if value and not re.fullmatch(_LABEL, value):
                raise InputError(
                    f"--{name}={value} is no name in Kubernetes: small letters, digits and '-'"
                )
        if self.volume.startswith(BUCKET) and not re.fullmatch(
            r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", self.volume.removeprefix(BUCKET)
        ):
            raise InputError(f"--volume={self.volume} is not gs://BUCKET, without a folder in it")
        if re.search(r"\s", self.image):
            raise InputError(f"--image={self.image!r} has a space in it")
        if self.memory and not re.fullmatch(_QUANTITY, self.memory):
            raise InputError(f"--memory={self.memory} is no amount, e.g. 32Gi")
        for selector in self.selectors:
            if not re.fullmatch(r"[\w./-]+=[\w.-]+", selector):
                raise InputError(f"--node-label={selector!r} is not NAME=VALUE")

    def _check_slice(self, nodes: int, gpus: int) -> None:
        if gpus:
            raise InputError(f"--gpus={gpus} on {self.accelerator}, which is a TPU")
        if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){1,2}", self.topology):
            raise InputError(
                f"--topology={self.topology} is not that of a TPU slice, e.g. 2x4 or 2x2x4: "
                f"--accelerator={self.accelerator} needs it"
            )
        if self.slice_chips % self.host_chips:
            raise InputError(
                f"--topology={self.topology} has {self.slice_chips} chips, which are not shared "
                f"out among hosts of {self.host_chips}: give --chips"
            )
        hosts = self.hosts(nodes)
        if nodes not in (1, hosts):
            raise InputError(
                f"--nodes={nodes}, but a slice of {self.topology} has {hosts} hosts of "
                f"{self.host_chips} chips: leave --nodes out"
            )


NO_PODS = Pods()
