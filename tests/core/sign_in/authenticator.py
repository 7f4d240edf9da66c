"""A device with passkeys, in software: it signs as an authenticator does (WebAuthn Level 3, 6 and 7)."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

from app.core.sign_in.passkeys import Site

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey of one person; ``verifies`` False is a device that asks for no PIN."""

    def __init__(self, site: Site, verifies: bool = True) -> None:
        self.site, self.count = site, 0
        self.flags = PRESENT | (VERIFIED if verifies else 0)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(32)

    def create(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.create`."""
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        about = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(self.flags | ATTESTED) + about}
        response = {
            "clientDataJSON": self._client("webauthn.create", options),
            "attestationObject": bytes_to_base64url(cbor2.dumps(attestation)),
        }
        return self._answer(response)

    def get(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.get`."""
        self.count += 1
        client, data = self._client("webauthn.get", options), self._data(self.flags)
        raw = self._client_bytes("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(raw).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": client,
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(signature),
        }
        return self._answer(response)

    def _data(self, flags: int) -> bytes:
        party = hashlib.sha256(self.site.host.encode()).digest()
        return party + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client_bytes(self, kind: str, options: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": self.site.origin}
        return json.dumps(told).encode()

    def _client(self, kind: str, options: dict[str, Any]) -> str:
        return bytes_to_base64url(self._client_bytes(kind, options))

    def _answer(self, response: dict[str, str]) -> str:
        name = bytes_to_base64url(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
