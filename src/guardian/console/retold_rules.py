"""What is wrong with a rule, told again in Portuguese; in English as it was written."""

import re
from collections.abc import Mapping
from typing import Final

from guardian.domain.errors import Unparsable

_PREFIX = re.compile(r"^((?:Rule [^:]+: )?)((?:when: |unless: )?)(.*)$", re.DOTALL)
_PORTUGUESE: Final[Mapping[str, str]] = {
    r"A condition is missing here\.": "Falta uma condição aqui.",
    r"The condition is complete before this; join conditions by and, or\.": "A condição já está completa antes disto; junte condições com and, or.",
    r"Expected in or between after not\.": "Esperado in ou between depois de not.",
    r"One comparison at a time; for a range write: x between a and b\.": "Uma comparação por vez; para uma faixa escreva: x between a and b.",
    r"Conditions are not compared; join them by and, or, not\.": "Condições não se comparam; junte-as com and, or, not.",
    r"A (number|text) cannot be compared with a (number|text)\.": "Número e texto não se comparam.",
    r"Texts are compared by ==, != and in alone\.": "Textos só se comparam com ==, != e in.",
    r"A text field is compared with a text in quotes\.": "Um campo de texto se compara com um texto entre aspas.",
    r"Expected a number, as what stands before in\.": "Esperado um número, como o que está antes de in.",
    r"Expected a text in quotes, as what stands before in\.": "Esperado um texto entre aspas, como o que está antes de in.",
    r"Expected the name of a list\.": "Esperado o nome de uma lista.",
    r"There is no list of this name(?:; did you mean (\w+))?\.": "Não há lista com este nome{0}.",
    r"This list is about (\w+)\.": "Esta lista é de {0}.",
    r"Expected a field, a number, a text in quotes or a parenthesis\.": "Esperado um campo, um número, um texto entre aspas ou um parêntese.",
    r"There is no field of this name; a text stands in quotes\.": "Não há campo com este nome; um texto fica entre aspas.",
    r"There is no field of this name(?:; did you mean (\w+))?\.": "Não há campo com este nome{0}.",
    r"There is no function of this name; there are (.+)\.": "Não há função com este nome; há {0}.",
    r"Abs takes one number, min and max take two or more\.": "abs recebe um número; min e max, dois ou mais.",
    r"Expected (\S+) here\.": "Esperado {0} aqui.",
    r"The expression costs too much: at most (\d+) parts; put values into a list\.": "A expressão custa demais: no máximo {0} partes; ponha valores em uma lista.",
    r"The expression is too deep: at most (\d+) levels\.": "A expressão é profunda demais: no máximo {0} níveis.",
    r"The expression is too long: at most (\d+) bytes\.": "A expressão é longa demais: no máximo {0} bytes.",
    r"This is a (number|text) where a condition is expected; compare it\.": "Aqui se espera uma condição; compare este valor.",
    r"This is a (text|condition) where a number is expected\.": "Aqui se espera um número.",
    r"A field is expected here\.": "Aqui se espera um campo.",
    r"This compares two constants; name a field\.": "Isto compara duas constantes; use um campo.",
    r"This divides by zero\.": "Isto divide por zero.",
    r"This number is too large\.": "Este número é grande demais.",
    r"This text has no closing quote on its line\.": "Este texto não fecha as aspas na sua linha.",
    r"This is no number: write digits, with a point before decimals\.": "Isto não é um número: use dígitos, com ponto antes dos decimais.",
    r"This sign has no meaning here(?:: use (.+))?\.": "Este sinal não tem sentido aqui.",
    r"The id takes letters, .+": "O id usa letras, dígitos, . _ e - (no máximo 60, começando por letra).",
    r"Ids that begin with block\. or allow\. are taken by those lists\.": "Ids que começam com block. ou allow. são dessas listas.",
    r"This looks like a full card number; use the token or the BIN\.": "Isto parece um número de cartão completo; use o token ou o BIN.",
    r"Name and recommendation need 1 to (\d+) characters in pt and en\.": "Nome e recomendação precisam de 1 a {0} caracteres em pt e en.",
    r"The text is too long: at most (\d+) kB\.": "O texto é longo demais: no máximo {0} kB.",
    r"This is not YAML: look at indents, quotes and colons\.": "Isto não é YAML: veja recuos, aspas e dois-pontos.",
    r"This is not YAML: it holds signs that no text has\.": "Isto não é YAML: há sinais que nenhum texto tem.",
    r"Expected names with values, such as id: my_rule\.": "Esperados nomes com valores, como id: my_rule.",
    r"Anchors and aliases are not read here; write it out\.": "Âncoras e apelidos não são lidos aqui; escreva por extenso.",
    r"Tags are not read here\.": "Marcas (tags) não são lidas aqui.",
    r"This is nested too deeply\.": "Isto está aninhado demais.",
    r"Expected a plain name here\.": "Esperado um nome simples aqui.",
    r"This name is given twice\.": "Este nome foi dado duas vezes.",
    r"No such name belongs here; see the schema of rules\.": "Este nome não cabe aqui; veja o esquema das regras.",
    r"This value is not one of those allowed here\.": "Este valor não é um dos permitidos aqui.",
    r"Expected a text here; put it in quotes\.": "Esperado um texto aqui; ponha-o entre aspas.",
    r"Object missing required field `(\w+)`\.": "Falta o campo {0}.",
    r"Expected `(\w+)`, got `(\w+)`\.": "Esperado {0}.",
}


def retold_error(error: Unparsable, language: str) -> str:
    """The message without its place, in the reader's language."""
    found = _PREFIX.match(error.detail)
    if found is None or not language.startswith("pt"):
        return error.detail
    rule, part, what = found.groups()
    return rule.replace("Rule", "Regra", 1) + part + _portuguese(what)


def _portuguese(what: str) -> str:
    for pattern, told in _PORTUGUESE.items():
        match = re.fullmatch(pattern, what, re.IGNORECASE)
        if match is not None:
            named = [one or "" for one in match.groups()]
            hint = "; você quis dizer " if "did you mean" in what else ""
            return told.format(*(f"{hint}{one}" if one else "" for one in named))
    return what
