// Membership in a Merkle tree over Poseidon, with a nullifier: "I know the secret of one of its leaves". Smaller than Semaphore's own
// circuit, which makes a public key of the secret first. The line `component main` is added with the tree's depth.
pragma circom 2.1.6;

include "mux1.circom";
include "poseidon.circom";

template Member(depth) {
  signal input secret;
  signal input scope;
  signal input siblings[depth];
  signal input sides[depth];
  signal output root;
  signal output nullifier;
  signal node[depth + 1];
  component pair[depth];

  node[0] <== Poseidon(1)([secret]);
  for (var level = 0; level < depth; level++) {
    sides[level] * (sides[level] - 1) === 0;
    pair[level] = MultiMux1(2);
    pair[level].c[0][0] <== node[level];
    pair[level].c[0][1] <== siblings[level];
    pair[level].c[1][0] <== siblings[level];
    pair[level].c[1][1] <== node[level];
    pair[level].s <== sides[level];
    node[level + 1] <== Poseidon(2)([pair[level].out[0], pair[level].out[1]]);
  }
  root <== node[depth];
  nullifier <== Poseidon(2)([scope, secret]);
}
