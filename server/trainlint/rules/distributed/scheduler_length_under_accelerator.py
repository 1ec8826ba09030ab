"""A schedule that an accelerator steps for each process is made shorter by their number.

## What it does
Finds schedulers that an `Accelerator` prepares and whose length is divided by `accelerator.num_processes`.

## Why it matters
A prepared scheduler takes `num_processes` steps with each call of `step()`: each process goes through its share of the batches,
and the schedule through all of them. A length that is divided by the number of processes as well is used up after that part of
the training, and the rest of it runs at the last rate, which is mostly zero. With one process nothing shows.

## Example
```python
from accelerate import Accelerator
from transformers import get_linear_schedule_with_warmup

accelerator = Accelerator()
total = epochs * len(loader)
scheduler = get_linear_schedule_with_warmup(optimizer, 100, num_training_steps=total // accelerator.num_processes)
model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
```

## Use instead
```python
from accelerate import Accelerator
from transformers import get_linear_schedule_with_warmup

accelerator = Accelerator()
total = epochs * len(loader)
scheduler = get_linear_schedule_with_warmup(optimizer, 100, num_training_steps=total)
model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
```

## When it stays silent
Where the scheduler is not prepared, where the accelerator is told `step_scheduler_with_optimizer=False` or `split_batches=True`,
where the length is multiplied by the number of processes again, and where part of it is out of sight that may count processes
itself. A length that is multiplied is right or wrong by what it counts: batches before or after they are shared out.

## Fix safety
Unsafe: training changes. The division is taken out, where there is one.

## References
- [Comparing performance across distributed setups](https://huggingface.co/docs/accelerate/concept_guides/performance#learning-rates)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...analysis.facts import Facts
from ...finding import Severity
from ..remedy import Remedy, Rewrite
from ..rule import Fixability, Observation, Rule, confidence, written


def check(facts: Facts) -> Iterable[Observation]:
    for fact in facts.short_schedules:
        remedies: tuple[Remedy, ...] = ()
        if fact.division is not None:
            title = f"Leave out the division by `{fact.count}`"
            remedies = (Rewrite(fact.built.site, (ast.unparse(fact.division.left),), title, fact.division),)
        schedule = f"`{fact.built.thing.name}`" if fact.built.thing.name else "this schedule"
        yield Observation(
            fact.written,
            f"the length of {schedule} is divided by `{fact.count}`, and a prepared scheduler takes that many steps at once: "
            "on several processes the schedule is over long before the training is",
            confidence(fact.certain),
            ((fact.prepared.site, f"`{written(fact.prepared)}` prepares it"),),
            remedies,
        )


RULE = Rule("TRN904", "scheduler-length-under-accelerator", Severity.INFO, Fixability.SOMETIMES, "0.1.0", check)
