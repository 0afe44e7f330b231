package relay

import (
	"encoding/binary"

	"github.com/gorilla/websocket"

	"countersign/transport"
)

// What a relay writes are whole websocket frames (RFC 6455 §5.2) that it has
// put together itself: a server's are not masked, so all recipients share the
// octets of one, and a writer can pass many of them to the system in one call,
// which is most of what a delivery costs.

const final = 0x80 // FIN: no frame is fragmented

// frameOf puts a payload of at most 65,535 octets into a websocket frame.
func frameOf(opcode byte, payload []byte) []byte {
	b := make([]byte, 0, 4+len(payload))
	b = append(b, final|opcode)
	if len(payload) < 126 {
		b = append(b, byte(len(payload)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(len(payload)))
	}
	return append(b, payload...)
}

func textFrame(f transport.Frame) []byte { return frameOf(websocket.TextMessage, f.Encode()) }

// closeFrame says why the connection ends or, where the client has left, only
// that it does.
func closeFrame(code transport.CloseCode) []byte {
	if code == codeLeft {
		return frameOf(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	}
	return frameOf(websocket.CloseMessage, websocket.FormatCloseMessage(int(code), code.String()))
}
