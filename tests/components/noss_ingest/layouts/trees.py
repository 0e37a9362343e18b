"""Made folders in the published layouts: a few short sounds and the lists beside them."""

from __future__ import annotations

from pathlib import Path

from tests.components.common.audio.sounds import sine, write_soundfile

RATE = 16_000
LONG_S = 2.25

VOXCELEB_META = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
CREMA_D_DEMOGRAPHICS = "ActorID,Age,Sex,Race,Ethnicity\n"
ESC50_HEADER = "filename,fold,target,category,esc10,src_file,take\n"


def sound(path: Path, seconds: float = 0.01) -> Path:
    """A short sound file; the extension gives the format."""
    return write_soundfile(path, sine(seconds, RATE), RATE)


def text(path: Path, content: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def edit(path: Path, old: str, new: str) -> Path:
    """Replaces text in a file, once."""
    content = path.read_text(encoding="utf-8")
    assert old in content
    return text(path, content.replace(old, new, 1))


def voxceleb1(folder: Path) -> Path:
    """Two speakers of the development archive and one of the test archive; one listed clip is absent."""
    sound(folder / "dev/wav/id10001/video-A_1/00001.wav")
    sound(folder / "dev/wav/id10001/video-A_1/00002.wav")
    sound(folder / "dev/wav/id11251/videoB/00003.wav")
    sound(folder / "test/wav/id10270/videoC/00001.wav")
    text(
        folder / "iden_split.txt",
        "1 id10001/video-A_1/00001.wav\n2 id10001/video-A_1/00002.wav\n3 id10001/gone/00009.wav\n"
        "1 id11251/videoB/00003.wav\n3 id10270/videoC/00001.wav\n",
    )
    text(
        folder / "vox1_meta.csv",
        f"{VOXCELEB_META}id10001\tA.J._Buckley\tm\tIreland\tdev\nid10270\tEartha_Kitt\tf\tUSA\ttest\n",
    )
    return folder


def voxforge(folder: Path) -> Path:
    """A submission for each language and some more: anonymous ones, one in flac, one of 2020."""
    for place in (
        "de/Trunk/Audio/Main/16kHz_16bit/guenter-20140127-abc",
        "SpeechCorpus/Trunk/Audio/Main/16kHz_16bit/anonymous-20071008-ixc",
        "SpeechCorpus/Trunk/Audio/Main/16kHz_16bit/late-20200101-xyz",
        "es/anonymous-20080101-aaa",
        "es/maria-2-20081231-bbb",
        "fr/paul-20191231-ccc",
        "Russian/Trunk/Audio/Main/16kHz_16bit/ivan-20100101-ddd",
    ):
        sound(folder / place / "wav" / "a0001.wav")
        text(folder / place / "etc" / "PROMPTS", "a0001 HELLO\n")
    sound(folder / "it/luca-20080515-eee/flac/it-0001.flac")
    text(
        folder / "de/Trunk/Audio/Main/16kHz_16bit/guenter-20140127-abc/etc/README",
        "User Name: guenter\n\nSpeaker Characteristics:\n\nGender: männlich\nAge Range: Erwachsener\n"
        "Language: DE\n",
    )
    text(
        folder / "es/maria-2-20081231-bbb/etc/README", "Gender: [Female]\nAge Range: [Youth]\nLanguage: ES\n"
    )
    text(folder / "fr/paul-20191231-ccc/etc/README", "Gender: Unknown\r\nAge Range:\r\nLanguage: FR\r\n")
    text(folder / "it/luca-20080515-eee/etc/README", "Gender:\nAge Range: Please Select\n")
    return folder


def speech_commands(folder: Path, with_test_set: bool = True) -> Path:
    """Two words, an unknown one, two noises of 2.25 s; one listed clip is absent."""
    main = folder / "speech_commands_v0.02"
    for clip in ("yes/aa11_nohash_0", "yes/bb22_nohash_0", "yes/cc33_nohash_1", "up/aa11_nohash_1"):
        sound(main / f"{clip}.wav")
    sound(main / "bed/dd44_nohash_0.wav")
    sound(main / "_background_noise_/running_tap.wav", LONG_S)
    sound(main / "_background_noise_/pink_noise.wav", LONG_S)
    text(main / "_background_noise_/README.md", "noise\n")
    text(main / "validation_list.txt", "yes/bb22_nohash_0.wav\nbed/ee55_nohash_0.wav\n")
    text(main / "testing_list.txt", "yes/cc33_nohash_1.wav\n")
    if with_test_set:
        test = folder / "speech_commands_test_set_v0.02"
        sound(test / "yes/cc33_nohash_1.wav")
        sound(test / "_unknown_/bed_ff66_nohash_0.wav.wav")
        sound(test / "_silence_/1024.wav")
    return folder


def crema_d(folder: Path, actors: int = 3) -> Path:
    """A clip for each actor, from 1001 on, and what is known of the first two."""
    emotions = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    for number in range(actors):
        sound(folder / f"AudioWAV/{1001 + number}_DFA_{emotions[number % 6]}_XX.wav")
    text(
        folder / "VideoDemographics.csv",
        f"{CREMA_D_DEMOGRAPHICS}1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Asian,Hispanic\n",
    )
    return folder


def savee(folder: Path) -> Path:
    """A clip of each of the seven emotions for each of the four speakers."""
    for speaker in ("DC", "JE", "JK", "KL"):
        for emotion in ("a", "d", "f", "h", "n", "sa", "su"):
            sound(folder / "AudioData" / speaker / f"{emotion}01.wav")
    text(folder / "AudioData/Info.txt", "SAVEE\n")
    return folder


def masked_speech(folder: Path, test_label: str = "?") -> Path:
    """Nine clips of train, two of devel, one of test, of which the label may be hidden."""
    labels = {f"train_{number:05d}.wav": ("clear", "mask")[number % 2] for number in range(1, 10)}
    labels |= {"devel_00001.wav": "mask", "devel_00002.wav": "clear", "test_00001.wav": test_label}
    for name in labels:
        sound(folder / "wav" / name)
    lines = "".join(f"{name},{label}\n" for name, label in labels.items())
    text(folder / "lab/labels.csv", f"file_name,label\n{lines}")
    return folder


def esc50(folder: Path) -> Path:
    """Three human sounds and a dog."""
    text(
        folder / "meta/esc50.csv",
        f"{ESC50_HEADER}1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "1-17092-A-27.wav,1,27,brushing_teeth,False,17092,A\n"
        "5-151085-A-20.wav,5,20,crying_baby,True,151085,A\n"
        "3-108160-A-29.wav,3,29,drinking_sipping,False,108160,A\n",
    )
    for name in ("1-100032-A-0", "1-17092-A-27", "5-151085-A-20", "3-108160-A-29"):
        sound(folder / "audio" / f"{name}.wav")
    return folder


def dementiabank(folder: Path, people: int = 4) -> Path:
    """Two visits of each person, whose group is another from one person to the next."""
    for number in range(people):
        group = ("Control", "Dementia")[number % 2]
        for visit in range(2):
            sound(folder / f"English/Pitt/{group}/cookie/{number + 2:03d}-{visit}.mp3")
    sound(folder / "English/Pitt/Dementia/fluency/003-0.mp3")
    return folder


def iemocap(folder: Path) -> Path:
    """A dialog for each session: a turn of each class, one of frustration, one without agreement."""
    for session in range(1, 6):
        dialog = f"Ses0{session}F_impro01"
        turns = {
            f"{dialog}_F000": "neu",
            f"{dialog}_M000": "exc",
            f"{dialog}_M001": "hap",
            f"{dialog}_F001": "fru",
            f"{dialog}_M002": "xxx",
            f"{dialog}_F002": "ang",
            f"{dialog}_M003": "sad",
        }
        lines = "".join(
            f"[6.2901 - 8.2357]\t{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
            for turn, emotion in turns.items()
        )
        top = folder / f"Session{session}"
        text(
            top / f"dialog/EmoEvaluation/{dialog}.txt",
            f"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n{lines}",
        )
        text(top / f"dialog/EmoEvaluation/._{dialog}.txt", "[a file of the packer's system]\n")
        for turn in turns:
            sound(top / f"sentences/wav/{dialog}/{turn}.wav")
    return folder


def asvspoof2019_la(folder: Path) -> Path:
    """A real and a synthesised trial for training, one trial for each of the others."""
    trials = {
        "train.trn": "LA_0079 LA_T_1138215 - - bonafide\nLA_0079 LA_T_1004644 - A01 spoof\n",
        "dev.trl": "LA_0069 LA_D_1047731 - - bonafide\n",
        "eval.trl": "LA_0039 LA_E_2834763 - A11 spoof\n",
    }
    for name, lines in trials.items():
        text(folder / f"LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{name}.txt", lines)
        for line in lines.splitlines():
            partition = name.partition(".")[0]
            sound(folder / f"LA/ASVspoof2019_LA_{partition}/flac/{line.split()[1]}.flac")
    return folder
