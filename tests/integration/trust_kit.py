"""Keys, tokens and certificates for tests, made by hand so that wrong ones can be made as well."""
import base64
import hashlib
import hmac
import json
import os
import ssl
import subprocess
import time

SECRET = b"an HMAC secret of 32 bytes or so"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def keys(folder, **secrets):
    """A folder of HMAC keys: kid=secret, a=SECRET by default."""
    os.makedirs(folder, exist_ok=True)
    for kid, secret in (secrets or {"a": SECRET}).items():
        write(os.path.join(folder, kid + ".hs256"), secret)
    return folder


def write(path, data, mode=0o600):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


def read(path):
    with open(path) as file:
        return file.read()


def token(role="learner", secret=SECRET, kid="a", header=None, life_s=600, **claims):
    """Signed with HS256; `header` replaces the header, claims of None are left out."""
    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT", "kid": kid} if header is None else header
    body = {"sub": "ann", "role": role, "iat": now, "exp": now + life_s, **claims}
    text = b64(json.dumps(head).encode()) + "." + b64(
        json.dumps({k: v for k, v in body.items() if v is not None}).encode())
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def certificate(folder, name="localhost", kind="ec", days=30):
    """cert.pem and key.pem in `folder`, replaced at once; returns their paths."""
    algorithm = ["-newkey", "rsa:2048"]
    if kind == "ec":
        algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    os.makedirs(folder, exist_ok=True)
    made = [os.path.join(folder, n) for n in ("cert.new", "key.new")]
    subprocess.run(["openssl", "req", "-x509", *algorithm, "-nodes", "-days", str(days), "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", made[0], "-keyout", made[1]],
                   check=True, capture_output=True)
    os.chmod(made[1], 0o600)
    paths = [p.replace(".new", ".pem") for p in made]
    for new, path in zip(made, paths):
        os.replace(new, path)
    return paths


def client(*certs):
    """A client that trusts these certificates and no others."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata="".join(read(c) for c in certs))
    return context


def shown(sock):
    """The name in the certificate that a TLS socket was shown."""
    return dict(pair[0] for pair in sock.getpeercert()["subject"])["commonName"]
