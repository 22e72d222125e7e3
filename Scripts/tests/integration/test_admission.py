"""Members that are kept out although TLS lets them in, and answers to those that are no members yet."""

import socket
import ssl
import struct
import unittest

from interop import InteropTestCase, needs_packages


@needs_packages
class AdmissionTests(InteropTestCase):
    def test_a_node_that_is_denied_between_handshake_and_hello_is_kept_out(self) -> None:
        from shoal_interop import wire
        from shoal_interop.raw import RawPeer

        identity = self.authority.identity("late")
        with RawPeer(identity, self.address) as peer:
            self.a.run("deny", identity.node_id.hex())
            try:
                peer.send(wire.Hello(1, 7))
            except OSError:
                pass  # it is gone already
            self.assertEqual(peer.goodbye(deadline=5), wire.Code.DENIED)
        self.assertEqual(self.row("late").get("state"), None)

    def test_a_certificate_of_our_ca_for_another_cluster_gets_a_goodbye(self) -> None:
        from shoal_interop import wire
        from shoal_interop.raw import RawPeer

        with RawPeer(self.authority.other_cluster(), self.address) as peer:
            peer.send(wire.Hello(1, 7))
            self.assertEqual(peer.goodbye(deadline=5), wire.Code.OTHER_CLUSTER)

    def test_a_malformed_joining_message_is_not_answered(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["shoal-join/1"])
        for message in (struct.pack("!H", 0), b"\0\1\5", b"\0\2\1x", struct.pack("!H", 4_097)):
            with self.subTest(message=message), socket.create_connection(self.address, timeout=5) as sock:
                with context.wrap_socket(sock) as stream:
                    stream.sendall(message)
                    try:
                        self.assertEqual(stream.recv(4_096), b"")
                    except (ConnectionResetError, ssl.SSLEOFError):
                        pass  # closed, too


if __name__ == "__main__":
    unittest.main()
