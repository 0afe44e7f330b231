using System.Reflection;

[assembly: AssemblyTitle("Countersign authentication adapter for AD FS")]
[assembly: AssemblyVersion("1.0.0.0")]
