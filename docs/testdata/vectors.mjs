// Reads protocol-vectors.json with Node's own cryptography and nothing of
// Countersign's: what protocol.md says must be enough to do it.
import { createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const v = JSON.parse(readFileSync(process.argv[2]))
const bytes = (text) => Buffer.from(text, 'base64url')
const parsed = (text) => JSON.parse(bytes(text))
const uint32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b }
const publicKey = ({ x, y }) => createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
const privateKey = ({ x, y, d }) => createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' })
const thumbprint = ({ x, y }) => createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest('base64url')

function holds(condition, what) {
  if (!condition) throw new Error(`${what} does not hold`)
}

// openEnvelope is ECDH-ES with A256GCM (RFC 7518 §4.6, §5.3) and the padding.
function openEnvelope(envelope, key) {
  const [header, encryptedKey, iv, ciphertext, tag] = envelope.split('.')
  const { alg, enc, epk, ...others } = parsed(header)
  holds(alg === 'ECDH-ES' && enc === 'A256GCM' && encryptedKey === '' && Object.keys(others).length === 0, 'the JWE header')
  const agreed = diffieHellman({ privateKey: privateKey(key), publicKey: publicKey(epk) })
  const name = Buffer.from(enc)
  const contentKey = createHash('sha256')
    .update(Buffer.concat([uint32(1), agreed, uint32(name.length), name, uint32(0), uint32(0), uint32(256)])).digest()
  const decipher = createDecipheriv('aes-256-gcm', contentKey, bytes(iv)).setAAD(Buffer.from(header)).setAuthTag(bytes(tag))
  const plaintext = Buffer.concat([decipher.update(bytes(ciphertext)), decipher.final()])
  holds(plaintext.length === 3072, 'the padding')
  return plaintext.toString().replace(/ +$/, '')
}

// verifySigned is ES256 (RFC 7518 §3.4) under the header's own key.
function verifySigned(compact) {
  const [header, payload, signature] = compact.split('.')
  const { alg, typ, jwk, ...others } = parsed(header)
  holds(alg === 'ES256' && Object.keys(others).length === 0, 'the JWS header')
  holds(verify('sha256', Buffer.from(`${header}.${payload}`), { key: publicKey(jwk), dsaEncoding: 'ieee-p1363' }, bytes(signature)), 'the signature')
  return { typ, signer: thumbprint(jwk), payload: bytes(payload) }
}

for (const [name, key] of Object.entries(v.keys)) {
  holds(thumbprint(key) === key.thumbprint, `the thumbprint of ${name}`)
}
for (const m of v.messages) {
  const compact = openEnvelope(m.envelope, v.keys[`${m.to} encryption`])
  const { typ, signer, payload } = verifySigned(compact)
  holds(compact === m.jws && typ === m.type && signer === v.keys[`${m.from} signing`].thumbprint, m.name)
  holds(JSON.stringify(JSON.parse(payload)) === JSON.stringify(m.claims), `the claims of ${m.name}`)
  console.log(`opened ${m.name}`)
}

const secret = bytes(v.link_secret)
const derive = (label, size) => Buffer.from(hkdfSync('sha256', secret, '', label, size))
const enrol = v.messages[0].claims
const mac = createHmac('sha256', derive('countersign v1 enrol mac', 32))
for (const part of [enrol.enrolment, enrol.iss, enrol.aud, enrol.jti, thumbprint(enrol.encryption),
  enrol.name, enrol.platform, enrol.form_factor, enrol.app_version]) {
  mac.update(uint32(Buffer.byteLength(part))).update(part)
}
holds(mac.digest('base64url') === v.enrol_mac, 'the MAC of enrol')

let bits = ''
for (const octet of derive('countersign v1 totp secret', 20)) bits += octet.toString(2).padStart(8, '0')
const base32 = bits.match(/.{5}/g).map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[parseInt(five, 2)]).join('')
holds(base32 === v.totp_secret, 'the TOTP secret')

const { typ, signer, payload } = verifySigned(JSON.parse(v.auth).token)
const { nonce, relay } = JSON.parse(v.hello)
const token = JSON.parse(payload)
holds(typ === 'countersign-auth+jwt' && signer === v.keys['device signing'].thumbprint, 'the auth token')
holds(token.nonce === nonce && token.relay === relay && token.role === 'device', 'the claims of the auth token')
console.log('derived and authenticated')
