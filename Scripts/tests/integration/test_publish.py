"""Publishing: what may be published, sizes at every edge, kills in the middle, and the head that moves."""

import os
import unittest
from pathlib import Path

from cluster import ClusterTestCase
from payload import KIB, MIB, digests, fill, tree
from waiting import wait_until

MODEL = "acme/detector"
CHUNK = 16 * KIB  # of a version as small as those here


class PublishTestCase(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.files = self.cluster.folder / "files"
        self.files.mkdir()

    def publish(self, path: Path | None = None, tag: str = "1", *options: object, code: int | None = 0) -> str:
        """What the command wrote on stderr."""
        command = ("seed", path or self.files, "--model", MODEL, "--version", tag, *options)
        return self.a.run(*command, code=code, seconds=180).err

    def published(self, tag: str = "1") -> dict[str, str]:
        """What users find under `current`, once that names the version: it moves right after `seed` is done."""
        return digests(self.a.wait_current(MODEL, tag))


class WhatIsPublishedTests(PublishTestCase):
    def test_names_that_could_do_harm_are_refused_by_name_and_nothing_is_published(self) -> None:
        wrong = {
            "clash by case": ["Model.bin", "model.BIN"],
            "clash by normalisation": ["caf\u00e9", "cafe\u0301"],
            "line break": ["a\nb"],
            "backslash": ["a\\b"],
        }
        for number, (what, names) in enumerate(wrong.items()):
            with self.subTest(what):
                folder = self.cluster.folder / f"wrong-{number}"
                for name in names:
                    fill(folder / name, 10, seed=1)
                said = self.publish(folder, code=1)
                self.assertTrue(any(name in said for name in names) or "\\n" in said or "\\" in said, said)
        self.assert_fails(self.a, "show", f"{MODEL}@1", code=4)

    def test_name_that_is_not_unicode_is_refused(self) -> None:
        fill(self.files / "good", 10, seed=1)
        with open(os.fsencode(self.files) + b"/\xff\xfe", "wb") as file:
            file.write(b"x")
        self.publish(code=1)

    def test_dangling_links_and_devices_are_refused_by_name(self) -> None:
        fill(self.files / "good", 10, seed=1)
        odd = self.files / "odd"
        odd.symlink_to("nowhere")
        self.assertIn("odd", self.publish(code=1))
        odd.unlink()
        os.mkfifo(odd)
        self.assertIn("odd", self.publish(code=1))
        odd.unlink()
        odd.symlink_to("/dev/zero")
        self.assertIn("odd", self.publish(code=1))
        odd.unlink()
        self.publish()

    def test_link_to_a_file_is_read_through_unless_that_is_refused(self) -> None:
        """As in a Hugging Face snapshot, whose files are links to blobs outside of the folder."""
        fill(self.cluster.folder / "blobs" / "b1", 5000, seed=3)
        (self.files / "model.bin").symlink_to("../blobs/b1")
        self.assertIn("model.bin", self.publish(None, "1", "--no-follow", code=1))
        self.publish()
        copy = self.a.wait_current(MODEL, "1") / "model.bin"
        self.assertFalse(copy.is_symlink())
        self.assertEqual(copy.read_bytes(), (self.cluster.folder / "blobs" / "b1").read_bytes())

    def test_git_folder_is_left_out_and_that_is_said(self) -> None:
        tree(self.files, {"model.bin": 1000, ".git/config": 10, "sub/.git/config": 10, ".gitattributes": 5})
        self.assertIn(".git", self.publish())
        self.assertEqual(set(self.published()), {"model.bin", ".gitattributes"})

    def test_single_file_and_sub_folders_and_empty_files(self) -> None:
        sizes = {"a/b/c/deep": 77, "a/empty": 0, "empty": 0, "b": 1, " name with spaces ": 3, "日本語": 9}
        tree(self.files, sizes)
        self.publish()
        self.assertEqual(self.published(), digests(self.files))
        self.publish(self.files / "b", "2")
        self.assertEqual(set(self.published("2")), {"b"})

    def test_folder_without_a_file_is_refused(self) -> None:
        (self.files / "empty").mkdir()
        self.publish(code=1)

    def test_files_of_every_size_at_a_chunk_s_edge_arrive_whole(self) -> None:
        edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * MIB + 5]
        tree(self.files, {f"size-{size}": size for size in edges})
        (self.files / "copy").write_bytes((self.files / f"size-{2 * CHUNK + 1}").read_bytes())
        (self.files / "zeros").write_bytes(bytes(5 * CHUNK))
        b = self.cluster.join("b")
        b.wait_connected("a")
        self.publish()
        b.run("get", f"{MODEL}@1")
        self.assertEqual(digests(b.wait_current(MODEL, "1")), digests(self.files))
        row = b.wait_complete(MODEL, "1")
        # The zeros are cut at the largest size, which leaves one chunk more; the copy is none.
        largest = CHUNK // 2 * 3
        distinct = sum(edges) + largest + 5 * CHUNK % largest
        self.assertEqual(row["received_bytes"]["neighbour"], distinct)

    def test_published_files_are_a_copy_that_nobody_writes(self) -> None:
        fill(self.files / "model.bin", 1000, seed=1)
        before = digests(self.files)
        self.publish()
        fill(self.files / "model.bin", 2000, seed=2)
        self.assertEqual(self.published(), before)
        self.assertEqual((self.a.current(MODEL) / "model.bin").stat().st_mode & 0o222, 0)

    def test_of_two_commands_that_publish_under_one_tag_at_once_one_wins(self) -> None:
        both = [tree(self.cluster.folder / name, {"model.bin": MIB}, seed=number)
                for number, name in enumerate(("one", "two"), start=50)]
        running = [self.a.begin("seed", files, "--model", MODEL, "--version", "both") for files in both]
        codes = sorted((process.communicate(timeout=60), process.returncode)[1] for process in running)
        # Without a race the second finds the tag taken.
        self.assertIn(codes, ([0, 1], [0, 75]))
        tags = [item["tag"] for item in self.a.run("list", MODEL, "--json").json["items"]]
        self.assertEqual(tags.count("both"), 1)

    def test_bad_names_of_models_and_tags_are_wrong_usage(self) -> None:
        fill(self.files / "model.bin", 10, seed=1)
        for model, tag in (("../up", "1"), ("a//b", "1"), ("a/current", "1"), (MODEL, "a/b"), (MODEL, "0123abcd")):
            with self.subTest(model=model, tag=tag):
                self.assert_fails(self.a, "seed", self.files, "--model", model, "--version", tag, code=64)


class KilledPublisherTests(PublishTestCase):
    def setUp(self) -> None:
        super().setUp()
        tree(self.files, {f"part-{number}": 64 * MIB + number for number in range(4)})

    def start_and_kill(self, what: str) -> None:
        """Kills `what` (the command or the agent) once the copy of the files has begun."""
        seeding = self.a.begin("seed", self.files, "--model", MODEL, "--version", "1")
        try:
            wait_until(lambda: self.staged_byte_count() > 32 * MIB or seeding.poll() is not None, 30, "copying begins")
            if what == "command":
                seeding.kill()
            else:
                self.a.kill()
            seeding.communicate(timeout=120)
        finally:
            seeding.kill()
            seeding.communicate()

    def staged_byte_count(self) -> int:
        staging = self.a.state / "staging"
        return sum(path.stat().st_size for path in staging.rglob("*") if path.is_file()) if staging.exists() else 0

    def test_publishing_again_after_the_command_was_killed_is_done(self) -> None:
        self.start_and_kill("command")
        self.publish()
        self.assertEqual(self.published(), digests(self.files))

    def test_publishing_again_after_the_agent_was_killed_is_done(self) -> None:
        self.start_and_kill("agent")
        self.a.start()
        self.publish()
        self.assertEqual(self.published(), digests(self.files))


class HeadTests(PublishTestCase):
    def setUp(self) -> None:
        super().setUp()
        for tag in ("1", "2", "3"):
            tree(self.cluster.folder / tag, {"model.bin": 100_000}, seed=int(tag))
            self.publish(self.cluster.folder / tag, tag)

    def wait_current(self, tag: str) -> None:
        self.assertEqual(self.published(tag), digests(self.cluster.folder / tag))

    def test_promote_moves_the_head_back_and_forward_and_followers_go_with_it(self) -> None:
        b = self.cluster.join("b")
        b.run("follow", MODEL)
        for tag in ("1", "3", "2"):
            self.a.run("promote", f"{MODEL}@{tag}")
            self.wait_current(tag)
            expected = digests(self.cluster.folder / tag)
            wait_until(lambda e=expected: digests(b.current(MODEL)) == e, 20, f"current of b is {tag}")
        self.assertEqual(self.channels(), {"1": [], "2": ["stable"], "3": []})

    def channels(self) -> dict[str, list[str]]:
        return {item["tag"]: item["channels"] for item in self.a.run("list", MODEL, "--json").json["items"]}

    def test_channels_move_on_their_own(self) -> None:
        self.a.run("promote", f"{MODEL}@1", "--channel", "canary")
        self.assertEqual(self.channels(), {"1": ["canary"], "2": [], "3": ["stable"]})
        b = self.cluster.join("b")
        b.run("follow", f"{MODEL}:canary")
        b.wait_complete(MODEL, "1")
        self.assertIsNone(b.model(MODEL, "3"))
        self.assert_fails(self.a, "promote", f"{MODEL}@none", code=4)

    def test_list_and_show_tell_what_there_is(self) -> None:
        self.assertEqual(self.a.run("list", MODEL, "--latest").out, "3\n")
        items = self.a.run("list", "--json").json["items"]
        self.assertEqual([item["tag"] for item in items], ["3", "2", "1"])
        self.assertEqual([item["publish_number"] for item in items], [3, 2, 1])
        shown = self.a.run("show", f"{MODEL}@2", "--json").json
        (variant,) = shown["variants"]
        sums = {file["path"]: file["sha256"] for file in variant["files"]}
        self.assertEqual(sums, digests(self.cluster.folder / "2"))
        self.assertEqual(digests(Path(shown["path"])), sums)
        by_digest = self.a.run("show", f"{MODEL}@{shown['summary']['version'][:8]}", "--json").json
        self.assertEqual(by_digest, shown)

    def test_remove_deletes_a_version_but_never_the_one_that_is_served(self) -> None:
        self.assert_fails(self.a, "remove", f"{MODEL}@3", code=77, says="3")
        self.a.run("unfollow", MODEL)
        self.assertNotEqual(self.a.run("remove", f"{MODEL}@3", code=None).code, 0)
        self.assertEqual(self.published("3"), digests(self.cluster.folder / "3"))
        folder = Path(self.a.run("show", f"{MODEL}@1", "--json").json["path"])
        self.assertTrue(folder.exists())
        self.a.run("remove", f"{MODEL}@1")
        self.assertFalse(folder.exists())
        self.assertIsNone(self.a.model(MODEL, "1"))
        self.assert_fails(self.a, "remove", f"{MODEL}@none", code=4)


if __name__ == "__main__":
    unittest.main()
