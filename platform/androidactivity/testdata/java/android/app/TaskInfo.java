package android.app;

import android.content.Intent;

/** As on Android 10 and later, where the field is the superclass's. */
public class TaskInfo {
    public Intent baseIntent;
}
