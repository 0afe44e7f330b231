// An AD FS authentication adapter that asks Countersign for the second factor.
//
// AD FS calls BeginAuthentication when the user has passed the first factor,
// shows the form that it gives, and calls TryEndAuthentication with what the
// user sent. Between the two it keeps nothing of ours but the context, which
// travels in the form, protected by AD FS: only a session's id and what the
// form shows is put there. Whether a user is let in is read from Countersign
// and nowhere else; every doubt throws or shows the form again.
using System;
using System.Collections.Generic;
using System.Net;
using System.Reflection;
using System.Security.Claims;
using Microsoft.IdentityServer.Web.Authentication.External;

namespace Countersign.Adfs
{
    public sealed class Adapter : IAuthenticationAdapter
    {
        private const string UpnClaim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
        private const string MethodClaim = "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod";

        // The methods that AD FS knows for a confirmation on a phone and a code.
        private const string Confirmed = "http://schemas.microsoft.com/ws/2012/12/authmethod/phoneconfirmation";
        private const string Code = "http://schemas.microsoft.com/ws/2012/12/authmethod/otp";

        // What is kept in the context between two calls.
        private const string KeySession = "countersignSession";
        private const string KeyMode = "countersignMode";
        private const string KeyNumber = "countersignNumber";
        private const string KeyUseCode = "countersignUseCode";

        // How long one submit of the form waits for the phone. The page shows the
        // number meanwhile; a longer wait would only hold the server's threads.
        private const int WaitSeconds = 15;

        private Service service;

        public IAuthenticationAdapterMetadata Metadata
        {
            get { return new Metadata(new[] { Confirmed, Code }, UpnClaim); }
        }

        public void OnAuthenticationPipelineLoad(IAuthenticationMethodConfigData configData)
        {
            if (configData == null || configData.Data == null)
            {
                throw new InvalidOperationException("Countersign has no configuration: register the provider with -ConfigurationFilePath.");
            }
            service = new Service(Settings.Read(configData.Data));
        }

        public void OnAuthenticationPipelineUnload()
        {
            service = null;
        }

        // Whether the user has a method is Countersign's to know, and not to be
        // asked by name alone.
        public bool IsAvailableForUser(Claim identityClaim, IAuthenticationContext context)
        {
            return identityClaim != null && !string.IsNullOrEmpty(identityClaim.Value);
        }

        public IAdapterPresentation BeginAuthentication(Claim identityClaim, HttpListenerRequest request, IAuthenticationContext context)
        {
            if (identityClaim == null || string.IsNullOrEmpty(identityClaim.Value))
            {
                throw new ExternalAuthenticationException("The user's UPN is missing.", context);
            }
            try
            {
                Session session = service.Start(identityClaim.Value, Version(), request, context.Lcid);
                return Show(context, session);
            }
            catch (ServiceException e)
            {
                return Form.Failed(e.ForUser);
            }
        }

        public IAdapterPresentation TryEndAuthentication(IAuthenticationContext context, IProofData proofData, HttpListenerRequest request, out Claim[] claims)
        {
            claims = new Claim[0];
            string id = Kept(context, KeySession), mode = Kept(context, KeyMode), number = Kept(context, KeyNumber);
            bool useCode = Kept(context, KeyUseCode) != "";
            if (id == "" || mode == "")
            {
                // BeginAuthentication failed, and the user tries to go on.
                return Form.Failed(null);
            }
            try
            {
                Session session;
                if (mode == Session.Totp)
                {
                    string code = Property(proofData, Form.CodeField);
                    if (code == "")
                    {
                        return Form.For(mode, number, useCode, null);
                    }
                    session = service.Check(id, code);
                }
                else if (Property(proofData, Form.CancelField) != "")
                {
                    Forget(context);
                    service.Cancel(id);
                    return Form.Failed(null);
                }
                else if (Property(proofData, Form.UseCodeField) != "")
                {
                    // If the phone was faster, this is its outcome.
                    session = service.UseCode(id);
                    mode = session.mode;
                }
                else
                {
                    session = service.Await(id, WaitSeconds);
                }
                switch (session.state)
                {
                    case Session.Approved:
                        Forget(context);
                        claims = new[] { new Claim(MethodClaim, mode == Session.Totp ? Code : Confirmed) };
                        return null;
                    case Session.Pending:
                        return session.id == id ? Form.For(mode, number, useCode, null) : Show(context, session);
                    default:
                        Forget(context);
                        return Form.Failed(session.message);
                }
            }
            catch (ServiceException e)
            {
                if (e.WrongCode)
                {
                    return Form.For(mode, number, useCode, e.ForUser);
                }
                Forget(context);
                return Form.Failed(e.ForUser);
            }
        }

        public IAdapterPresentation OnError(HttpListenerRequest request, ExternalAuthenticationException ex)
        {
            return Form.Failed(null);
        }

        // The form of a session that begins, which is kept for the next call.
        private static Form Show(IAuthenticationContext context, Session session)
        {
            context.Data[KeySession] = session.id;
            context.Data[KeyMode] = session.mode;
            context.Data[KeyNumber] = session.number ?? "";
            context.Data[KeyUseCode] = session.use_code ? "1" : "";
            return Form.For(session.mode, session.number, session.use_code, null);
        }

        private static string Kept(IAuthenticationContext context, string key)
        {
            object value;
            return context.Data.TryGetValue(key, out value) ? value as string ?? "" : "";
        }

        private static void Forget(IAuthenticationContext context)
        {
            context.Data.Remove(KeySession);
            context.Data.Remove(KeyMode);
            context.Data.Remove(KeyNumber);
            context.Data.Remove(KeyUseCode);
        }

        private static string Property(IProofData proof, string name)
        {
            object value;
            if (proof == null || proof.Properties == null || !proof.Properties.TryGetValue(name, out value))
            {
                return "";
            }
            return (value as string ?? "").Trim();
        }

        private static string Version()
        {
            return Assembly.GetExecutingAssembly().GetName().Version.ToString();
        }
    }

    // What AD FS shows of the adapter to administrators and users.
    internal sealed class Metadata : IAuthenticationAdapterMetadata
    {
        private readonly string[] methods;
        private readonly string identityClaim;

        internal Metadata(string[] methods, string identityClaim)
        {
            this.methods = methods;
            this.identityClaim = identityClaim;
        }

        public string AdminName
        {
            get { return "Countersign"; }
        }

        public string[] AuthenticationMethods
        {
            get { return methods; }
        }

        public int[] AvailableLcids
        {
            get { return Texts.Lcids; }
        }

        public Dictionary<int, string> Descriptions
        {
            get { return Texts.Every(Texts.Description); }
        }

        public Dictionary<int, string> FriendlyNames
        {
            get { return Texts.Every(Texts.Name); }
        }

        public string[] IdentityClaims
        {
            get { return new[] { identityClaim }; }
        }

        public bool RequiresIdentity
        {
            get { return true; }
        }
    }
}
