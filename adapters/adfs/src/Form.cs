// The form that AD FS puts into its sign-in page. AD FS replaces %AuthMethod%
// and %Context%, and its own script finds the form by the id loginForm.
using System.Net;
using System.Text;
using Microsoft.IdentityServer.Web.Authentication.External;

namespace Countersign.Adfs
{
    internal sealed class Form : IAdapterPresentationForm
    {
        internal const string CodeField = "CountersignCode";
        internal const string CancelField = "CountersignCancel";
        internal const string UseCodeField = "CountersignUseCode";

        private readonly string mode;
        private readonly string number;
        private readonly string error; // in the user's language, from Countersign
        private readonly bool useCode; // a code could be given instead
        private readonly bool over;

        private Form(string mode, string number, bool useCode, string error, bool over)
        {
            this.mode = mode;
            this.number = number;
            this.useCode = useCode;
            this.error = error;
            this.over = over;
        }

        // The form of a session that waits: for the phone, or for a code.
        internal static Form For(string mode, string number, bool useCode, string error)
        {
            return new Form(mode, number, useCode, error, false);
        }

        // The form of a sign-in that is over. A null error means that there is
        // nothing to say but that.
        internal static Form Failed(string error)
        {
            return new Form("", "", false, error, true);
        }

        public string GetPageTitle(int lcid)
        {
            return Texts.Title.In(lcid);
        }

        public string GetFormPreRenderHtml(int lcid)
        {
            return "";
        }

        public string GetFormHtml(int lcid)
        {
            var html = new StringBuilder();
            html.Append("<div id=\"loginArea\"><form method=\"post\" id=\"loginForm\" autocomplete=\"off\">");
            html.Append("<input id=\"authMethod\" type=\"hidden\" name=\"AuthMethod\" value=\"%AuthMethod%\"/>");
            html.Append("<input id=\"context\" type=\"hidden\" name=\"Context\" value=\"%Context%\"/>");
            if (over || !string.IsNullOrEmpty(error))
            {
                string text = string.IsNullOrEmpty(error) ? Texts.Over.In(lcid) : error;
                html.Append("<p id=\"errorText\" class=\"error\" role=\"alert\">").Append(Escape(text)).Append("</p>");
            }
            if (!over)
            {
                Ask(html, lcid);
            }
            return html.Append("</form></div>").ToString();
        }

        private void Ask(StringBuilder html, int lcid)
        {
            switch (mode)
            {
                case Session.Totp:
                    html.Append("<label for=\"countersignCode\">").Append(Escape(Texts.TypeCode.In(lcid))).Append("</label>");
                    html.Append("<input id=\"countersignCode\" name=\"").Append(CodeField);
                    html.Append("\" class=\"text\" inputmode=\"numeric\" autocomplete=\"one-time-code\" autofocus=\"autofocus\"/>");
                    Submit(html, lcid);
                    return;
                case Session.NumberMatch:
                    html.Append("<p>").Append(Escape(Texts.TypeNumber.In(lcid))).Append("</p>");
                    html.Append("<p id=\"countersignNumber\" style=\"font-size:4em;text-align:center\">").Append(Escape(number)).Append("</p>");
                    break;
                default:
                    html.Append("<p>").Append(Escape(Texts.Approve.In(lcid))).Append("</p>");
                    break;
            }
            Submit(html, lcid);
            if (useCode)
            {
                Choice(html, UseCodeField, Texts.UseCode.In(lcid));
            }
            Choice(html, CancelField, Texts.Cancel.In(lcid));
            // The page goes on by itself once the phone has answered: the submit
            // waits in the server while the number stays on the screen.
            html.Append("<script>setTimeout(function(){document.getElementById('countersignContinue').click();},1000);</script>");
        }

        private static void Choice(StringBuilder html, string field, string text)
        {
            html.Append("<button type=\"submit\" class=\"cancel\" name=\"").Append(field).Append("\" value=\"1\">");
            html.Append(Escape(text)).Append("</button>");
        }

        private static void Submit(StringBuilder html, int lcid)
        {
            html.Append("<button type=\"submit\" class=\"submit\" id=\"countersignContinue\">");
            html.Append(Escape(Texts.Continue.In(lcid))).Append("</button>");
        }

        // Whatever came from elsewhere is text, never markup.
        private static string Escape(string text)
        {
            return WebUtility.HtmlEncode(text ?? "");
        }
    }
}
