"""PEFT, and what models of Transformers and Diffusers have of it."""

from .vocabulary import Framework, Meaning

PEFT = Framework(
    name="peft",
    packages=frozenset({"peft"}),
    calls={
        **{
            f"peft.{name}": Meaning.ADAPT
            for name in (
                "get_peft_model", "PeftModel", "PeftMixedModel", "inject_adapter_in_model", "mapping.get_peft_model",
                "peft_model.PeftModel", "mapping.inject_adapter_in_model",
            )
        },
        "peft.prepare_model_for_kbit_training": Meaning.WRAP_FIRST,
        "peft.prepare_model_for_int8_training": Meaning.WRAP_FIRST,
    },
    signatures={"inject_adapter_in_model": ("peft_config", "model")},
    growing={"add_adapter": True, "resize_token_embeddings": False},
)  # fmt: skip
