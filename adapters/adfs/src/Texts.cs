// The adapter's own words in English, Swedish and Thai. What Countersign says
// about an outcome comes from there, in the language of the LCID it was given.
using System.Collections.Generic;

namespace Countersign.Adfs
{
    internal sealed class Words
    {
        private readonly string english, swedish, thai;

        internal Words(string english, string swedish, string thai)
        {
            this.english = english;
            this.swedish = swedish;
            this.thai = thai;
        }

        // The low ten bits of an LCID are its primary language (MS-LCID 2.2).
        internal string In(int lcid)
        {
            switch (lcid & 0x3ff)
            {
                case 0x1d: return swedish;
                case 0x1e: return thai;
                default: return english;
            }
        }
    }

    internal static class Texts
    {
        internal static readonly int[] Lcids = { 1033, 1053, 1054 };

        internal static readonly Words Name = new Words("Countersign", "Countersign", "Countersign");
        internal static readonly Words Description = new Words(
            "Approve the sign-in in your authenticator app.",
            "Godkänn inloggningen i din autentiseringsapp.",
            "อนุมัติการลงชื่อเข้าใช้ในแอปตรวจสอบความถูกต้อง");
        internal static readonly Words Title = new Words("Approve the sign-in", "Godkänn inloggningen", "อนุมัติการลงชื่อเข้าใช้");
        internal static readonly Words TypeNumber = new Words(
            "Enter this number in your authenticator app:",
            "Ange det här numret i din autentiseringsapp:",
            "ป้อนหมายเลขนี้ในแอปตรวจสอบความถูกต้อง:");
        internal static readonly Words Approve = new Words(
            "Approve the sign-in in your authenticator app.",
            "Godkänn inloggningen i din autentiseringsapp.",
            "อนุมัติการลงชื่อเข้าใช้ในแอปตรวจสอบความถูกต้อง");
        internal static readonly Words TypeCode = new Words(
            "Enter the code that your authenticator app shows:",
            "Ange koden som din autentiseringsapp visar:",
            "ป้อนรหัสที่แอปตรวจสอบความถูกต้องแสดง:");
        internal static readonly Words Continue = new Words("Continue", "Fortsätt", "ดำเนินการต่อ");
        internal static readonly Words UseCode = new Words("Use a code instead", "Använd en kod i stället", "ใช้รหัสแทน");
        internal static readonly Words Cancel = new Words("Cancel", "Avbryt", "ยกเลิก");
        internal static readonly Words Over = new Words(
            "The sign-in could not be finished. Start again.",
            "Inloggningen kunde inte slutföras. Börja om.",
            "ไม่สามารถลงชื่อเข้าใช้ให้เสร็จสิ้นได้ โปรดเริ่มใหม่");

        internal static Dictionary<int, string> Every(Words words)
        {
            var all = new Dictionary<int, string>();
            foreach (int lcid in Lcids)
            {
                all[lcid] = words.In(lcid);
            }
            return all;
        }
    }
}
