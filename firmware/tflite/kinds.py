"""What whoever reads or runs a model must know: types of tensors (TensorType in schema.fbs), and the error."""

INT8 = 9
INT32 = 2
INT16 = 7
FLOAT32 = 0


class ModelError(ValueError):
    """The bytes are no model that this program can run; the message says where and why."""
