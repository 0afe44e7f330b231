// The interface between AD FS and its authentication adapters, as Microsoft
// documents it: names and signatures alone, written for this project so that
// the adapter compiles and runs where there is no Windows Server. On a server
// the real assembly, Microsoft.IdentityServer.Web.dll, takes its place.
using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Security.Claims;

namespace Microsoft.IdentityServer.Web.Authentication.External
{
    public interface IAuthenticationAdapter
    {
        IAuthenticationAdapterMetadata Metadata { get; }
        IAdapterPresentation BeginAuthentication(Claim identityClaim, HttpListenerRequest request, IAuthenticationContext context);
        bool IsAvailableForUser(Claim identityClaim, IAuthenticationContext context);
        void OnAuthenticationPipelineLoad(IAuthenticationMethodConfigData configData);
        void OnAuthenticationPipelineUnload();
        IAdapterPresentation OnError(HttpListenerRequest request, ExternalAuthenticationException ex);
        IAdapterPresentation TryEndAuthentication(IAuthenticationContext context, IProofData proofData, HttpListenerRequest request, out Claim[] claims);
    }

    public interface IAuthenticationAdapterMetadata
    {
        string AdminName { get; }
        string[] AuthenticationMethods { get; }
        int[] AvailableLcids { get; }
        Dictionary<int, string> Descriptions { get; }
        Dictionary<int, string> FriendlyNames { get; }
        string[] IdentityClaims { get; }
        bool RequiresIdentity { get; }
    }

    public interface IAdapterPresentation
    {
        string GetPageTitle(int lcid);
    }

    public interface IAdapterPresentationForm : IAdapterPresentation
    {
        string GetFormHtml(int lcid);
        string GetFormPreRenderHtml(int lcid);
    }

    public interface IAuthenticationContext
    {
        string ActivityId { get; }
        string ContextId { get; }
        Dictionary<string, object> Data { get; }
        int Lcid { get; }
    }

    public interface IProofData
    {
        Dictionary<string, object> Properties { get; }
    }

    public interface IAuthenticationMethodConfigData
    {
        Stream Data { get; }
    }

    public class ExternalAuthenticationException : Exception
    {
        public ExternalAuthenticationException(string message, IAuthenticationContext context) : base(message)
        {
            Context = context;
        }

        public IAuthenticationContext Context { get; private set; }
    }
}
