"""The axes that annotations and comments speak of, written once.

| word      | letter | what it counts                                             |
|-----------|--------|------------------------------------------------------------|
| batch     | B      | independent sequences computed together                    |
| time      | T      | steps of a sequence                                        |
| feature   | F      | numbers that describe one step                             |
| hidden    | H      | units of a recurrent layer                                 |
| gates     | G      | stacked gate rows: 4 hidden (LSTM i f g o), 3 (GRU r z n)  |
| layer     | L      | stacked layers, times directions as in torch               |
| horizon   | K      | steps that are forecast                                    |
| target    | C      | columns that are forecast together                         |
| quantile  | Q      | levels of a predictive distribution                        |
| vocab     | V      | distinct symbols                                           |

Batch comes first everywhere inside recurra; only `nn.RNN/LSTM/GRU` keep torch's `batch_first` flag.
Annotations such as `Float[Tensor, "batch time feature"]` are checked while tests run and cost nothing otherwise.
"""

AXES = ("batch", "time", "feature", "hidden", "gates", "layer", "horizon", "target", "quantile", "vocab")
