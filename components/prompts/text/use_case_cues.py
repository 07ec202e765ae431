"""What of a prompt speaks for one use case or another: words, and the verbs that sentences open on.

A cue is a short string: ``w:poem`` a word near the start, ``e:summary`` one near the end of a long
prompt, ``0:write`` the first word of the first sentence behind what is said out of politeness,
``first:list`` the group of the first verb that asks for something, ``list+given`` that verb beside
"the", "this", "following" in its sentence. Nothing here weighs them: see ``use_case.py``.
"""

import re

#: Characters at the start and at the end that are looked at; instructions stand there.
HEAD, TAIL = 480, 180
_SENTENCES = 5
#: A prompt shorter than that has no last sentence worth looking at apart.
_SHORT = 120

_SENTENCE = re.compile(r"[.!?:;]['\")\]]* |\n[\s*#>-]*")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\?|\$\{|_{2,}|[^\W\da-z_]")
#: What stands before the verb and says nothing of what is asked.
_OPENER = re.compile(
    r"""(?:
      (?:hi|hello|hey|please|pls|now|ok|okay|so|also|then|and|first|next|finally|kindly|just|well
        |task|q|question|instructions?|prompt)\b[,.!:]*[ ]*
    | (?:can|could|would|will)[ ](?:you|u)\b,?[ ]*
    | (?:(?:i|we)[ ](?:want|need|would[ ]like)|(?:i|we)'d[ ]like)[ ](?:you[ ])?to[ ]
    | help[ ](?:me[ ])?(?:to[ ])?
    | (?:your[ ](?:\w{1,20}[ ])?(?:task|job|goal|role|objective)[ ]is|you[ ]are[ ]tasked
        |you[ ](?:are[ ]|will[ ]be[ ])?(?:required|expected|asked))[ ](?:to|with)[ ]
    | in[ ]this[ ]task,?[ ]
    | (?:you|we)[ ](?:should|must|need[ ]to|have[ ]to|will[ ]need[ ]to|will)[ ]
    | it[ ](?:would|will)[ ]be[ ](?:great|helpful|nice)[ ]if[ ]you[ ]could[ ]
    | if[ ]you[ ]could[ ](?:help[ ]me[ ])?
    | try[ ](?:to[ ])?|let's[ ]|feel[ ]free[ ]to[ ]|me[ ]|us[ ]
    | (?:given|based[ ]on|using|considering|on[ ]the[ ]basis[ ]of|in[ ]relation[ ]to|ignoring|with
        |as)[ ][^,;.\n]{1,100}[,;][ ]*
    ){0,5}""",
    re.X,
)

#: Verbs and question words by what they ask for.
_VERBS = {
    verb: group
    for group, verbs in {
        "make": "write compose draft generate create make design develop build produce invent "
        "craft implement construct plan prepare render depict complete continue finish narrate "
        "imagine fill reply respond synthesize code outline reconstruct transform present compile "
        "curate schedule illustrate portray set photorealistic cinematic",
        "rewrite": "rewrite rephrase paraphrase translate correct proofread fix edit convert "
        "simplify reword improve expand shorten replace change polish capitalize rewriting "
        "rephrasing restore refine reformat debug",
        "summarize": "summarize summarise summary tldr condense sum recap",
        "classify": "classify categorize categorise label decide determine rate judge verify "
        "predict grade",
        "extract": "extract retrieve parse",
        "list": "brainstorm suggest recommend list name propose think come",
        "explain": "explain describe discuss define calculate compute solve answer compare "
        "elaborate differentiate estimate prove guide teach clarify",
        "give": "give provide share offer show",
        "find": "find identify detect highlight pull output return locate",
        "choose": "select choose pick",
        "tell": "tell",
        "analyse": "analyze analyse evaluate assess check review examine",
        "yes_or_no": "is are was were am do does did should can could would will has have may",
        "wh": "what who when where why how which whose whom",
    }.items()
    for verb in verbs.split()
}
#: Groups of words that say what the verb is about.
_TOPICS = {
    topic: frozenset(words.split())
    for topic, words in {
        "several": "idea ideas suggestion suggestions recommendations tips examples synonyms "
        "antonyms alternatives names ways hashtags topics things some several few list options two "
        "three four five ten steps activities questions",
        "label": "whether if positive negative true false category categories categorize "
        "sentiment spam offensive toxic yes classify label correct paraphrase equivalent rating "
        "stars review",
        "given": "the this these following below above given provided attached",
        "passage": "passage context paragraph article articles fact facts background document "
        "story text movie plot abstract paper conversation dialogue sentence sentences process "
        "options choices answers",
        "persona": "act role pretend persona character roleplay acting",
        "work": "story poem essay letter email code function script song image photo portrait "
        "scene html css app website logo illustration article title headline caption recipe "
        "lyrics joke speech lighting cinematic photorealistic realistic camera tweet blog post "
        "template paragraph program javascript python resume bio",
        "short": "summary summaries summarize summarise summarizing summarization tldr tl nutshell "
        "condense concise brief briefly recap shorten main key essentials sum",
        "choices": "choices options choice possible",
        "judged": "sentiment review rating stars whether classify category categories paraphrase "
        "same mean meaning reviewer",
    }.items()
}
_TOPIC_ITEMS = tuple(_TOPICS.items())
#: Those that are looked for in the verb's own sentence.
_BESIDE = ("several", "label", "passage", "work", "given")


def cues(text: str) -> list[str]:
    """The cues of a prompt's last message, without order; some may stand there twice."""
    head = text[:HEAD].lower()
    words = set(_WORD.findall(head)[:64])
    found = ["w:" + word for word in words]
    found += _openings(head)
    low, near = head, words
    if len(text) > HEAD:
        tail = text[-TAIL:].lower()
        last_words = set(_WORD.findall(tail)[-20:])
        found += ["e:" + word for word in last_words]
        found += [f"e+{topic}" for topic, group in _TOPIC_ITEMS if not group.isdisjoint(last_words)]
        low, near = f"{head}\n{tail}", words | last_words
    topics = [topic for topic, group in _TOPIC_ITEMS if not group.isdisjoint(near)]
    found += ["c:" + topic for topic in topics]
    if len(text) > _SHORT:
        found += _last_sentence(text)
        if "?" in low and "passage" in topics:
            found.append("c:passage?")
    if "(a)" in low or "a: " in low or low.count("\n- ") > 1:
        found.append("c:options")
    if "\n\n" in head:
        found.append("c:blank_line")
    if text.rstrip()[-1:] == "?":
        found.append("c:ends?")
    # Length on a scale of powers of two.
    found.append(f"n:{min(12, len(text).bit_length())}")
    return found


def _openings(head: str) -> list[str]:
    """What the first sentences open on."""
    found = []
    asked = False
    for number, sentence in enumerate(_SENTENCE.split(head, _SENTENCES)[:_SENTENCES]):
        words = _behind_opener(sentence)
        if not words:
            continue
        verb = words[0].strip('",.*?:()')
        place = "s" if number else "0"
        found.append(f"{place}:{verb}")
        if not number and len(words) > 2:
            found.append(f"3:{verb} {words[1]} {words[2].split(None, 1)[0]}")
        group = _VERBS.get(verb)
        if group is None:
            continue
        found.append(f"{place}={group}")
        if not asked:
            asked = True
            found.append(f"first:{group}")
            if len(words) > 1:
                found.append(f"2:{group} {words[1]}")
            around = set(sentence.split())
            found += [
                f"{group}+{topic}" for topic in _BESIDE if not _TOPICS[topic].isdisjoint(around)
            ]
    return found


def _last_sentence(text: str) -> list[str]:
    """What the last sentence opens on: behind a pasted text the instruction often stands there."""
    words = _behind_opener(_SENTENCE.split(text[-160:].lower().rstrip())[-1])
    if not words:
        return []
    verb = words[0].strip('",.*?:()')
    found = [f"l:{verb}"]
    if verb in _VERBS:
        found.append(f"l={_VERBS[verb]}")
    if len(words) > 1:
        found.append(f"l2:{verb} {words[1]}")
    return found


def _behind_opener(sentence: str) -> list[str]:
    """Up to three words behind the opener, and what follows them."""
    opener = _OPENER.match(sentence)
    return sentence[opener.end() if opener else 0 :].split(None, 3)
