// A stand-in for AD FS that drives the adapter as AD FS would: it serves the
// adapter's form on loopback and hands back what a browser posts. For tests:
// it believes the UPN in the address.
//
//   Host.exe CONFIGURATION-FILE     prints the address that it serves
//   GET  /?upn=NAME&lcid=1033       begins
//   POST / with the form            ends, or goes on
using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Text;
using Countersign.Adfs;
using Microsoft.IdentityServer.Web.Authentication.External;

internal sealed class Context : IAuthenticationContext
{
    internal Context(int lcid)
    {
        Lcid = lcid;
        ContextId = Guid.NewGuid().ToString();
        Data = new Dictionary<string, object>();
    }

    public string ActivityId { get { return ContextId; } }
    public string ContextId { get; private set; }
    public Dictionary<string, object> Data { get; private set; }
    public int Lcid { get; private set; }
}

internal sealed class Proof : IProofData
{
    internal Proof(Dictionary<string, object> properties)
    {
        Properties = properties;
    }

    public Dictionary<string, object> Properties { get; private set; }
}

internal sealed class Config : IAuthenticationMethodConfigData
{
    internal Config(Stream data)
    {
        Data = data;
    }

    public Stream Data { get; private set; }
}

internal static class Host
{
    private static readonly Dictionary<string, Context> contexts = new Dictionary<string, Context>();

    private static void Main(string[] args)
    {
        IAuthenticationAdapter adapter = new Adapter();
        using (var file = File.OpenRead(args[0]))
        {
            adapter.OnAuthenticationPipelineLoad(new Config(file));
        }
        string address = "http://127.0.0.1:" + FreePort() + "/";
        var listener = new HttpListener();
        listener.Prefixes.Add(address);
        listener.Start();
        Console.WriteLine(adapter.Metadata.AdminName + " " + string.Join(" ", adapter.Metadata.AuthenticationMethods));
        Console.WriteLine(address);
        Console.Out.Flush();
        while (true)
        {
            HttpListenerContext http = listener.GetContext();
            string page;
            try
            {
                page = http.Request.HttpMethod == "GET" ? Begin(adapter, http.Request) : End(adapter, http.Request);
            }
            catch (ExternalAuthenticationException e)
            {
                page = Page(adapter.OnError(http.Request, e), e.Context as Context);
            }
            byte[] body = Encoding.UTF8.GetBytes(page);
            http.Response.ContentType = "text/html; charset=utf-8";
            http.Response.OutputStream.Write(body, 0, body.Length);
            http.Response.Close();
        }
    }

    private static string Begin(IAuthenticationAdapter adapter, HttpListenerRequest request)
    {
        var context = new Context(int.Parse(request.QueryString["lcid"] ?? "1033"));
        contexts[context.ContextId] = context;
        var claim = new Claim(adapter.Metadata.IdentityClaims[0], request.QueryString["upn"] ?? "");
        return Page(adapter.BeginAuthentication(claim, request, context), context);
    }

    private static string End(IAuthenticationAdapter adapter, HttpListenerRequest request)
    {
        var properties = new Dictionary<string, object>();
        using (var reader = new StreamReader(request.InputStream, Encoding.UTF8))
        {
            foreach (string pair in reader.ReadToEnd().Split('&'))
            {
                string[] parts = pair.Split(new[] { '=' }, 2);
                properties[WebUtility.UrlDecode(parts[0])] = parts.Length > 1 ? WebUtility.UrlDecode(parts[1]) : "";
            }
        }
        Context context = contexts[(string)properties["Context"]];
        Claim[] claims;
        IAdapterPresentation page = adapter.TryEndAuthentication(context, new Proof(properties), request, out claims);
        if (page != null)
        {
            return Page(page, context) + (claims.Length == 0 ? "" : "CLAIMS BESIDE A FORM");
        }
        var text = new StringBuilder("authenticated");
        foreach (Claim claim in claims)
        {
            text.Append(' ').Append(claim.Type).Append('=').Append(claim.Value);
        }
        return text.ToString();
    }

    private static string Page(IAdapterPresentation presentation, Context context)
    {
        var form = (IAdapterPresentationForm)presentation;
        int lcid = context == null ? 1033 : context.Lcid;
        string html = "<title>" + form.GetPageTitle(lcid) + "</title>" + form.GetFormPreRenderHtml(lcid) + form.GetFormHtml(lcid);
        return html.Replace("%AuthMethod%", "CountersignAdapter").Replace("%Context%", context == null ? "" : context.ContextId);
    }

    private static int FreePort()
    {
        var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        int port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        return port;
    }
}
