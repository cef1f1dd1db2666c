"""How numba compiles a function that only kernels call: to LLVM's intermediate code, and no further.

numba optimises each function and turns it into machine code, and does both again in every function into which it is
linked: a leaf three calls below a kernel is optimised four times and emitted four times, for one copy that runs. Here a
function without an entry from Python is typed, lowered and linked, and left to the kernels that call it: each kernel
optimises all that it is made of once.
"""

import ctypes
from typing import Any, cast

import llvmlite.binding
from numba._dynfunc import make_function
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering


class _Linkable(JITCodeLibrary):
    """Intermediate code that is linked into other libraries, neither optimised nor made machine code here."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        return cast("tuple[str, str, bytes]", self.serialize_using_bitcode())

    @classmethod
    def parsed(cls, codegen: object, name: str, code: bytes) -> "_Linkable":
        """Return a library from what `serialize_using_object_code` made."""
        library = cls(codegen, name)
        library._final_module = llvmlite.binding.parse_bitcode(code)
        library._finalize_final_module()
        return library


@register_pass(mutates_CFG=True, analysis_only=False)
class _LowerToLink(NativeLowering):
    """Lowers a function and makes it known to its callers."""

    _name = "lower_to_link"

    def run_pass(self, state: Any) -> bool:  # noqa: ANN401  (numba's state has whatever attributes passes give it)
        target = state.targetctx
        state.library = _Linkable(target.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        entry = _no_entry(lowered.fndesc, lowered.env)
        target.insert_user_function(entry, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class Inner(CompilerBase):
    """The passes for a function that only compiled functions call."""

    def define_pipelines(self) -> list[PassManager]:
        """See `CompilerBase`."""
        manager = PassManager("inner")
        for each, text in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            manager.add_pass(_LowerToLink if each is NativeLowering else each, text)
        manager.finalize()
        return [manager]


def restored(target: Any, payload: Any) -> CompileResult:  # noqa: ANN401  (a target context, and what `_reduce` returns)
    """Return an inner function from what `CompileResult._reduce` made of it."""
    (name, _, code), descriptor, environment, signature, objectmode, lifted, annotation, reload, environments = payload
    return CompileResult(
        typing_context=target.typing_context,
        target_context=target,
        entry_point=_no_entry(descriptor, environment),
        typing_error=None,
        type_annotation=annotation,
        signature=signature,
        library=_Linkable.parsed(target.codegen(), name, code),
        objectmode=objectmode,
        lifted=lifted,
        fndesc=descriptor,
        call_helper=None,
        environment=environment,
        metadata=None,
        reload_init=reload,
        referenced_envs=environments,
    )


def _no_entry(descriptor: Any, environment: object) -> object:  # noqa: ANN401
    """Return what stands for the function in Python: it raises TypeError when it is called."""
    address = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value
    name = descriptor.qualname.rpartition(".")[2]
    return make_function(descriptor.lookup_module(), name, "", address, environment, ())
