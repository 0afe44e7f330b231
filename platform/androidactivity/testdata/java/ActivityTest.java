import android.app.Activity;
import android.app.ActivityManager.AppTask;
import android.content.Intent;
import android.view.Window;
import java.util.List;
import java.util.Objects;

/** Runs the C under test on a desktop's Java machine. Prints a line for each rule that holds; throws otherwise. */
public final class ActivityTest {
    static final int SECURE = 0x2000;
    static final int FROM_HISTORY = 0x100000;
    static final String LINK = "otpauth://totp/Contoso:zoe?secret=JBSWY3DPEHPK3PXP";

    static Activity activity;
    static int madeWith = -1;

    /** Calls the entry that the manifest names, as the system does. */
    static native void create(Activity activity);

    static native String startLink(Activity activity);

    static native String taskLink(Activity activity);

    /** Is called by the entry's successor. */
    static void made(boolean sameArguments) {
        madeWith = activity.window == null || !sameArguments ? 0 : activity.window.flags;
    }

    static void want(Object got, Object expected, String rule) {
        if (!Objects.equals(got, expected)) {
            throw new AssertionError(rule + ": " + got + ", want " + expected);
        }
        System.out.println("holds: " + rule);
    }

    static AppTask task(Intent base) {
        AppTask task = new AppTask();
        task.info.baseIntent = base;
        return task;
    }

    public static void main(String[] args) {
        System.load(args[0]);

        activity = new Activity();
        activity.window.flags = 1;
        create(activity);
        want(madeWith, SECURE | 1, "the window is secure before the toolkit begins, and keeps its other flags");
        activity.window = null;
        madeWith = -1;
        create(activity);
        want(madeWith, 0, "the toolkit begins without a window too");
        activity.window = new Window() {
            @Override
            public void addFlags(int more) {
                throw new IllegalStateException("expected: a window that takes no flags");
            }
        };
        create(activity);
        want(madeWith, 0, "the toolkit begins though Java throws");

        want(startLink(activity), null, "no intent, no link");
        activity.intent = new Intent(null, 0);
        want(startLink(activity), null, "an intent without data is no link");
        activity.intent = new Intent(LINK, 0x10000000);
        want(startLink(activity), LINK, "the data of the intent is the link");
        activity.intent = new Intent(LINK, 0x10000000 | FROM_HISTORY);
        want(startLink(activity), null, "an intent out of the history is no link");

        want(taskLink(activity), null, "no task, no link");
        activity.manager.tasks = List.of(task(null));
        want(taskLink(activity), null, "a task without an intent has no link");
        activity.manager.tasks = List.of(task(new Intent(LINK, 0)));
        want(taskLink(activity), LINK, "the data of the task's intent is the link");
        activity.manager = null;
        want(taskLink(activity), null, "no activity manager, no link");
        for (int i = 0; i < 2000; i++) {
            startLink(activity);
            taskLink(activity);
        }
        want(startLink(activity), null, "thousands of calls leave nothing behind");
    }
}
