package adfs

import (
	"countersign/message"
	"countersign/verifier/challenge"
	"countersign/verifier/policy"
)

// words are one text in each language that the verifier speaks.
type words struct{ english, swedish, thai string }

// The primary languages of Windows language codes (MS-LCID §2.2), their low ten
// bits; sublanguages, such as Finland's Swedish, do not matter here.
const (
	primaryLanguage = 0x3ff
	langSwedish     = 0x1d
	langThai        = 0x1e
)

// in gives the text in the language of a Windows language code, English for
// those that nobody has translated.
func (w words) in(lcid int) string {
	switch lcid & primaryLanguage {
	case langSwedish:
		return w.swedish
	case langThai:
		return w.thai
	}
	return w.english
}

var (
	wrongCode = words{
		"The code is wrong. Enter the next one that your app shows.",
		"Koden är fel. Ange nästa kod som appen visar.",
		"รหัสไม่ถูกต้อง โปรดป้อนรหัสถัดไปที่แอปแสดง",
	}
	pendingText = words{
		"Another sign-in of yours waits for your phone. Answer it, or wait a minute.",
		"En annan inloggning väntar på din telefon. Svara på den eller vänta en minut.",
		"การลงชื่อเข้าใช้อื่นของคุณกำลังรอโทรศัพท์อยู่ โปรดตอบหรือรอหนึ่งนาที",
	}
	tooManyText = words{
		"Too many sign-ins. Wait a while and try again.",
		"För många inloggningar. Vänta en stund och försök igen.",
		"ลงชื่อเข้าใช้บ่อยเกินไป โปรดรอสักครู่แล้วลองอีกครั้ง",
	}
	deniedText = words{
		"The sign-in was denied.",
		"Inloggningen nekades.",
		"การลงชื่อเข้าใช้ถูกปฏิเสธ",
	}
	wrongNumber = words{
		"The number was wrong. Sign in again.",
		"Numret var fel. Logga in igen.",
		"หมายเลขไม่ถูกต้อง โปรดลงชื่อเข้าใช้อีกครั้ง",
	}
	expiredText = words{
		"No answer came in time. Sign in again.",
		"Inget svar kom i tid. Logga in igen.",
		"ไม่มีการตอบกลับภายในเวลา โปรดลงชื่อเข้าใช้อีกครั้ง",
	}
	cancelledText = words{
		"The sign-in was cancelled.",
		"Inloggningen avbröts.",
		"การลงชื่อเข้าใช้ถูกยกเลิก",
	}
	lockedText = words{
		"Locked after wrong answers in a row. Ask your administrator.",
		"Låst efter flera fel svar i rad. Kontakta din administratör.",
		"ถูกล็อกเนื่องจากตอบผิดติดต่อกัน โปรดติดต่อผู้ดูแลระบบ",
	}
	reportedText = words{
		"A sign-in from here was reported, and others from here are blocked for now.",
		"En inloggning härifrån har rapporterats, och andra härifrån är spärrade tills vidare.",
		"มีการรายงานการลงชื่อเข้าใช้จากที่นี่ จึงถูกระงับไว้ชั่วคราว",
	}
	noMethod = words{
		"No authenticator is registered for you. Register one first.",
		"Ingen autentiserare är registrerad för dig. Registrera en först.",
		"คุณยังไม่ได้ลงทะเบียนแอปตรวจสอบความถูกต้อง โปรดลงทะเบียนก่อน",
	}
	oldApp = words{
		"Your authenticator app is too old. Update it and sign in again.",
		"Din autentiseringsapp är för gammal. Uppdatera den och logga in igen.",
		"แอปตรวจสอบความถูกต้องของคุณเก่าเกินไป โปรดอัปเดตแล้วลงชื่อเข้าใช้อีกครั้ง",
	}
	watchText = words{
		"A watch cannot approve sign-ins. Use your phone.",
		"En klocka kan inte godkänna inloggningar. Använd telefonen.",
		"นาฬิกาไม่สามารถอนุมัติการลงชื่อเข้าใช้ได้ โปรดใช้โทรศัพท์",
	}
	unpatchedText = words{
		"This server lacks an update that sign-ins need. Ask your administrator.",
		"Servern saknar en uppdatering som inloggningen kräver. Kontakta din administratör.",
		"เซิร์ฟเวอร์นี้ขาดการอัปเดตที่จำเป็นต่อการลงชื่อเข้าใช้ โปรดติดต่อผู้ดูแลระบบ",
	}
)

// outcomeText is what the user reads of a sign-in that was not approved.
func outcomeText(state challenge.State, reason string) words {
	switch state {
	case challenge.Expired:
		return expiredText
	case challenge.Cancelled:
		return cancelledText
	default:
	}
	switch reason {
	case message.ReasonNumberMismatch:
		return wrongNumber
	case message.ReasonLocked:
		return lockedText
	case message.ReasonReported:
		return reportedText
	case message.ReasonUpgradeRequired: // of policy and of an answer alike
		return oldApp
	case message.ReasonWearable, string(policy.ReasonWearableNotSupported):
		return watchText
	case string(policy.ReasonMethodNotRegistered):
		return noMethod
	case string(policy.ReasonADFSUpdateMissing), string(policy.ReasonNumberMatchingUnavailable):
		return unpatchedText
	}
	return deniedText
}
