"""Sends the same requests with the unmodified OpenAI client and prints a hash of the bytes of each reply."""
import hashlib
import json
import sys

import httpx2
from openai import APIStatusError, OpenAI

hashes = []


class Tee(httpx2.SyncByteStream):
    def __init__(self, stream, done):
        self.stream, self.done, self.sum = stream, done, hashlib.sha256()

    def __iter__(self):
        for chunk in self.stream:
            self.sum.update(chunk)
            yield chunk

    def close(self):
        self.done(self.sum.hexdigest())
        self.stream.close()


def tee(response):
    headers = sorted((k, v) for k, v in response.headers.items() if k != "date")
    slot = len(hashes)
    hashes.append([response.status_code, headers, None])

    def done(value):
        hashes[slot][2] = value

    response.stream = Tee(response.stream, done)


client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, http_client=httpx2.Client(event_hooks={"response": [tee]}))
ask = dict(model="char-lm", messages=[{"role": "user", "content": "Call me Ishmael."}], max_tokens=24, seed=7)
texts = [client.chat.completions.create(**ask).choices[0].message.content]
stream = client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
texts.append("".join(event.choices[0].delta.content or "" for event in stream if event.choices))
try:
    client.chat.completions.create(**{**ask, "model": "none"})
except APIStatusError as error:
    texts.append(f"{error.status_code}")
print(json.dumps({"texts": texts, "replies": hashes}))
