// What can go wrong with points, scalars, relations and proofs.

export class ZkpError extends Error {
  override readonly name: string = "ZkpError";
}

// A scalar is 32 bytes big-endian below the group order, and above zero where it is a secret.
export class InvalidScalar extends ZkpError {
  override readonly name = "InvalidScalar";
}

// A point is the one compressed encoding of an element of the prime-order group, and not the identity.
export class InvalidPoint extends ZkpError {
  override readonly name = "InvalidPoint";
}

// The relation is not a valid instance.
export class InvalidInstance extends ZkpError {
  override readonly name = "InvalidInstance";
}

// The secrets do not satisfy the relation.
export class InvalidWitness extends ZkpError {
  override readonly name = "InvalidWitness";
}

// The signature does not hold over these messages.
export class InvalidCredential extends ZkpError {
  override readonly name = "InvalidCredential";
}

// The context of a proof is not in its one form.
export class InvalidContext extends ZkpError {
  override readonly name = "InvalidContext";
}

// Attributes are the texts that their schema names.
export class InvalidAttributes extends ZkpError {
  override readonly name = "InvalidAttributes";
}

// A value has another length, order or number than the call takes.
export class InvalidValue extends ZkpError {
  override readonly name = "InvalidValue";
}
