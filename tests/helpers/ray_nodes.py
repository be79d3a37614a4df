"""A Ray cluster of two simulated nodes in a process of its own; obeys lines on stdin.

Prints the cluster's address. ``remove`` takes the second node away without a goodbye, ``add`` adds a third, ``end`` (or
the end of stdin) ends everything. In a process of its own, since Ray keeps global state and opens sockets that it never closes.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes(timeout=60)
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "remove":
            cluster.remove_node(second, allow_graceful=False)
            print("removed", flush=True)
        elif line.strip() == "add":
            cluster.add_node(num_cpus=1)
        else:
            break
    cluster.shutdown()


if __name__ == "__main__":
    main()
