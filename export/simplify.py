"""Constant folding and clean-up of a converted graph that changes no value, however small.

torch's own clean-up drops additions of 1e-8, taking them for additions of zero, and so turns the guard of a
normalisation into a division by zero (onnxscript matches constants with that tolerance). Here additions stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx_ir as ir
    from onnxscript.rewriter.pattern import RewriteRule

__all__ = ["simplify"]


def simplify(model: ir.Model) -> None:
    """Fold constants, fuse batch normalisation into convolutions and remove what nothing needs, in place."""
    from onnx_ir.passes import common
    from onnxscript import optimizer
    from onnxscript.rewriter import RewritePass

    rewrite = RewritePass(_exact_rules())
    common.InlinePass()(model)
    for _ in range(2):
        optimizer.fold_constants(model)
        rewrite(model)
        common.RemoveUnusedNodesPass()(model)
    _tidy(model)


def _exact_rules() -> Sequence[RewriteRule]:
    """Return the rules that onnxscript applies of itself, but for those that look for additions of nothing."""
    from onnxscript.rewriter.rules import common as rules

    return (
        rules.one_reshape_matmul_reshape_rule,
        rules.two_reshapes_matmul_reshape_rule,
        rules.cast_constant_of_shape_rule,
        rules.cast_constant_of_shape_without_value_rule,
        rules.collapse_slice_rule,
        rules.collapse_slice2_rule,
        rules.materialize_reshape_shape_rule,
        rules.cast_cast_rule,
        rules.no_op_cast_rule,
        rules.no_op_expand_rule,
        rules.no_op_transpose_rule,
        rules.reshape_reshape_rule,
        rules.slice_split_rule,
        rules.squeeze_reshape_1d_rule,
        rules.transpose_transpose_rule,
        rules.unsqueeze_unsqueeze_rule,
        rules.no_op_static_scatter_nd_rule,
        rules.no_op_dynamic_scatter_nd_rule,
        rules.fuse_pad_into_conv_rule,
        rules.fuse_batchnorm_into_conv_rule,
        rules.fuse_batchnorm_into_conv_transpose_rule,
        rules.fuse_batchnorm_into_gemm_rule,
    )


def _tidy(model: ir.Model) -> None:
    import onnx_ir
    from onnx_ir.passes import common

    onnx_ir.passes.Sequential(
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.IdentityEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    )(model)
