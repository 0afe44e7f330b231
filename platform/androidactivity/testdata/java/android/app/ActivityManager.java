package android.app;

import java.util.List;

/** As much of Android's as the C under test calls. */
public class ActivityManager {
    public List<AppTask> tasks = List.of();

    public List<AppTask> getAppTasks() {
        return tasks;
    }

    public static class RecentTaskInfo extends TaskInfo {}

    public static class AppTask {
        public RecentTaskInfo info = new RecentTaskInfo();

        public RecentTaskInfo getTaskInfo() {
            return info;
        }
    }
}
