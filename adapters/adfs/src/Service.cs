// Countersign's interface for AD FS: sessions under /adfs/v1.
using System;
using System.IO;
using System.Net;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Text;

namespace Countersign.Adfs
{
    // What the configuration file holds: JSON with the members url and key_file.
    [DataContract]
    internal sealed class Settings
    {
        [DataMember(IsRequired = true)] internal string url;
        // The file that holds the client's key, readable by the AD FS service's
        // account alone. The configuration itself is kept by AD FS in the clear.
        [DataMember(IsRequired = true)] internal string key_file;
        // The user's address is then what the web application proxy says.
        [DataMember] internal bool behind_proxy;

        internal static Settings Read(Stream stream)
        {
            var settings = (Settings)new DataContractJsonSerializer(typeof(Settings)).ReadObject(stream);
            var at = new Uri(settings.url, UriKind.Absolute);
            if (at.Scheme != Uri.UriSchemeHttps && !at.IsLoopback)
            {
                throw new InvalidOperationException("Countersign's url must begin with https://");
            }
            return settings;
        }
    }

    [DataContract]
    internal sealed class Session
    {
        internal const string NumberMatch = "number_match", Totp = "totp";
        internal const string Pending = "pending", Approved = "approved";

        [DataMember] internal string id;
        [DataMember] internal string mode;
        [DataMember] internal string number;
        [DataMember] internal string state;
        [DataMember] internal string message;
        [DataMember] internal bool use_code; // the user could give a code instead
    }

    [DataContract]
    internal sealed class Problem
    {
        [DataMember] internal string code;
        [DataMember] internal string title;
        [DataMember] internal string detail;
    }

    [DataContract]
    internal sealed class StartBody
    {
        [DataMember] internal string upn;
        [DataMember] internal string adapter_version;
        [DataMember] internal string client_ip;
        [DataMember] internal string relying_party;
        [DataMember] internal int lcid;
    }

    [DataContract]
    internal sealed class CodeBody
    {
        [DataMember] internal string code;
    }

    // A refusal, or a failure to ask. ForUser is in the user's language, or null.
    internal sealed class ServiceException : Exception
    {
        internal ServiceException(string code, string forUser, Exception inner) : base(code, inner)
        {
            ForUser = forUser;
            WrongCode = code == "wrong_code";
        }

        internal string ForUser { get; private set; }
        internal bool WrongCode { get; private set; }
    }

    internal sealed class Service
    {
        private const int MaxBody = 64 * 1024;
        private const int AnswerSeconds = 15; // on top of a wait

        private readonly Uri sessions;
        private readonly string key;
        private readonly bool behindProxy;

        internal Service(Settings settings)
        {
            // .NET on Windows Server 2016 does not offer it by itself.
            ServicePointManager.SecurityProtocol |= SecurityProtocolType.Tls12;
            sessions = new Uri(settings.url.TrimEnd('/') + "/adfs/v1/sessions");
            key = File.ReadAllText(settings.key_file).Trim();
            behindProxy = settings.behind_proxy;
        }

        internal Session Start(string upn, string version, HttpListenerRequest request, int lcid)
        {
            return Send<Session>("POST", "", new StartBody
            {
                upn = upn, adapter_version = version, client_ip = Address(request), relying_party = RelyingParty(request), lcid = lcid
            }, 0);
        }

        internal Session Await(string id, int seconds)
        {
            return Send<Session>("GET", "/" + Uri.EscapeDataString(id) + "?wait=" + seconds + "s", null, seconds);
        }

        internal Session Check(string id, string code)
        {
            return Send<Session>("POST", "/" + Uri.EscapeDataString(id) + "/otp", new CodeBody { code = code }, 0);
        }

        // Another session of the same sign-in, by code.
        internal Session UseCode(string id)
        {
            return Send<Session>("POST", "/" + Uri.EscapeDataString(id) + "/use-code", null, 0);
        }

        internal void Cancel(string id)
        {
            Send<Session>("DELETE", "/" + Uri.EscapeDataString(id), null, 0);
        }

        private string Address(HttpListenerRequest request)
        {
            if (request == null)
            {
                return "";
            }
            if (behindProxy)
            {
                // The last one is what the proxy itself has written.
                string[] forwarded = (request.Headers["X-MS-Forwarded-Client-IP"] ?? "").Split(',');
                IPAddress address;
                if (IPAddress.TryParse(forwarded[forwarded.Length - 1].Trim(), out address))
                {
                    return address.ToString();
                }
            }
            return request.RemoteEndPoint == null ? "" : request.RemoteEndPoint.Address.ToString();
        }

        private static string RelyingParty(HttpListenerRequest request)
        {
            if (request == null)
            {
                return "";
            }
            string name = request.QueryString["wtrealm"] ?? request.QueryString["client_id"] ?? "";
            return name.Length > 80 ? name.Substring(0, 80) : name;
        }

        private T Send<T>(string method, string path, object body, int wait) where T : class
        {
            var request = (HttpWebRequest)WebRequest.Create(sessions + path);
            request.Method = method;
            request.Timeout = request.ReadWriteTimeout = (wait + AnswerSeconds) * 1000;
            request.AllowAutoRedirect = false; // the key is for this server alone
            request.Headers[HttpRequestHeader.Authorization] = "Bearer " + key;
            try
            {
                if (body != null)
                {
                    request.ContentType = "application/json";
                    using (Stream stream = request.GetRequestStream())
                    {
                        new DataContractJsonSerializer(body.GetType()).WriteObject(stream, body);
                    }
                }
                using (var response = (HttpWebResponse)request.GetResponse())
                {
                    if (response.StatusCode == HttpStatusCode.NoContent)
                    {
                        return null;
                    }
                    return Read<T>(response);
                }
            }
            catch (WebException e)
            {
                throw Explain(e);
            }
            catch (SerializationException e)
            {
                throw new ServiceException("bad_answer", null, e);
            }
        }

        private static ServiceException Explain(WebException e)
        {
            var response = e.Response as HttpWebResponse;
            if (response == null || !response.ContentType.StartsWith("application/problem+json", StringComparison.Ordinal))
            {
                return new ServiceException("unreachable", null, e);
            }
            using (response)
            {
                try
                {
                    var problem = Read<Problem>(response);
                    // What is wrong with our own requests is no text for users.
                    bool ours = response.StatusCode == HttpStatusCode.BadRequest || response.StatusCode == HttpStatusCode.Unauthorized ||
                        (int)response.StatusCode >= 500;
                    return new ServiceException(problem.code, ours ? null : problem.detail, e);
                }
                catch (SerializationException)
                {
                    return new ServiceException("bad_answer", null, e);
                }
            }
        }

        private static T Read<T>(HttpWebResponse response) where T : class
        {
            using (Stream stream = response.GetResponseStream())
            using (var limited = new MemoryStream())
            {
                var buffer = new byte[4096];
                int n;
                while ((n = stream.Read(buffer, 0, buffer.Length)) > 0)
                {
                    limited.Write(buffer, 0, n);
                    if (limited.Length > MaxBody)
                    {
                        throw new SerializationException("the answer is too long");
                    }
                }
                limited.Position = 0;
                return (T)new DataContractJsonSerializer(typeof(T)).ReadObject(limited);
            }
        }
    }
}
